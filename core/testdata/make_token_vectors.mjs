// Signs tokens with node:crypto, an implementation that shares nothing with ours, and prints them
// with the key set that belongs to them and what core's token tests must say of each. The private
// keys are made anew at every run and never written anywhere:
//   node make_token_vectors.mjs > token_vectors.json
import { generateKeyPairSync, sign } from "node:crypto";

const EXP = 4_102_444_800; // 2100-01-01
const pair = (type, options) => generateKeyPairSync(type, options);
const ISS = "https://issuer.example.com/";
const rsa = pair("rsa", { modulusLength: 2048 });
const weak = pair("rsa", { modulusLength: 2047 });
const foreign = pair("rsa", { modulusLength: 2048 });
const encryption = pair("rsa", { modulusLength: 2048 });
const p256 = pair("ec", { namedCurve: "P-256" });
const p384 = pair("ec", { namedCurve: "P-384" });
const ed25519 = pair("ed25519");

const jwk = ({ publicKey }, more) => ({ ...publicKey.export({ format: "jwk" }), ...more });
const keys = [
  jwk(rsa, { kid: "rsa", alg: "RS256", use: "sig" }),
  jwk(p256, { kid: "p256" }),
  jwk(weak, { kid: "weak", alg: "RS256", use: "sig" }),
  jwk(ed25519, { kid: "ed25519", use: "sig" }),
  jwk(p384, { kid: "p384", alg: "ES384" }),
  jwk(encryption, { kid: "encryption", use: "enc" }),
  { kty: "oct", kid: "shared", alg: "HS256", k: Buffer.from("x".repeat(32)).toString("base64url") },
];

const base64 = (text) => Buffer.from(text).toString("base64url");
const signers = {
  RS256: (data, { privateKey }) => sign("sha256", data, privateKey),
  RS512: (data, { privateKey }) => sign("sha512", data, privateKey),
  ES256: (data, { privateKey }) => sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" }),
  ES384: (data, { privateKey }) => sign("sha384", data, { key: privateKey, dsaEncoding: "ieee-p1363" }),
  EdDSA: (data, { privateKey }) => sign(null, data, privateKey),
};
const signed = (what, expected, key, alg, header, claims) => {
  const data = `${base64(header)}.${base64(claims)}`;
  const signature = signers[alg](Buffer.from(data), key).toString("base64url");
  return { what, expected, token: `${data}.${signature}` };
};
const vector = (what, expected, key, header, claims = {}) => {
  const all = { sub: "ada", exp: EXP, iss: ISS, aud: "app", ...claims };
  return signed(what, expected, key, header.alg, JSON.stringify({ typ: "JWT", ...header }), JSON.stringify(all));
};
// Of an issuer's key, with other claims and another header.
const claimed = (what, expected, claims) => vector(what, expected, ed25519, { alg: "EdDSA", kid: "ed25519" }, claims);
const headed = (what, expected, header) => vector(what, expected, ed25519, { alg: "EdDSA", kid: "ed25519", ...header });
const raw = (what, expected, header, claims) => signed(what, expected, ed25519, "EdDSA", header, claims);
const head = JSON.stringify({ alg: "EdDSA", kid: "ed25519" });
const twice = (claim) => `{"sub":"ada","exp":${EXP},"iss":"${ISS}","aud":"app",${claim}}`;

const vectors = [
  vector("RS256", "ok", rsa, { alg: "RS256", kid: "rsa" }),
  vector("ES256, whose key names no algorithm", "ok", p256, { alg: "ES256", kid: "p256" }),
  vector("EdDSA", "ok", ed25519, { alg: "EdDSA", kid: "ed25519" }),
  vector("without a kid the algorithm finds the key", "ok", rsa, { alg: "RS256" }),
  vector("expired", "expired", rsa, { alg: "RS256", kid: "rsa" }, { exp: 1_000 }),
  vector("without exp", "invalid", rsa, { alg: "RS256", kid: "rsa" }, { exp: undefined }),
  vector("without sub", "subject", p256, { alg: "ES256", kid: "p256" }, { sub: undefined }),
  vector("kid unknown", "unknown key", rsa, { alg: "RS256", kid: "rolled" }),
  vector("kid of another kind of key", "unknown key", rsa, { alg: "RS256", kid: "p256" }),
  vector("kid of a key for encryption", "unknown key", encryption, { alg: "RS256", kid: "encryption" }),
  vector("somebody else's key", "invalid", foreign, { alg: "RS256", kid: "rsa" }),
  vector("somebody else's key without a kid", "unknown key", foreign, { alg: "RS256" }),
  vector("the right key with another algorithm", "unknown key", rsa, { alg: "RS512", kid: "rsa" }),
  vector("an algorithm that is not taken", "unknown key", p384, { alg: "ES384", kid: "p384" }),
  vector("an RSA key of 2,047 bits", "unknown key", weak, { alg: "RS256", kid: "weak" }),
  claimed("one of several audiences", "ok", { aud: ["other", "app"] }),
  claimed("without aud, azp counts", "ok", { aud: undefined, azp: "app" }),
  claimed("without aud and azp, client_id counts", "ok", { aud: undefined, client_id: "app" }),
  claimed("an access token of Cognito", "ok", { aud: undefined, client_id: "app", token_use: "access" }),
  claimed("of another issuer", "issuer", { iss: "https://evil.example.com/" }),
  claimed("of an issuer that is nearly ours", "issuer", { iss: ISS.slice(0, -1) }),
  claimed("of several issuers", "issuer", { iss: [ISS] }),
  claimed("without an issuer", "issuer", { iss: undefined }),
  claimed("for another audience", "audience", { aud: "other" }),
  claimed("for other audiences", "audience", { aud: ["other", "apps", 7] }),
  claimed("for another audience, whoever asked for it", "audience", { aud: "other", azp: "app", client_id: "app" }),
  claimed("without an audience", "audience", { aud: undefined }),
  claimed("without aud, of another azp", "audience", { aud: undefined, azp: "other", client_id: "app" }),
  claimed("an ID token of Cognito", "type", { token_use: "id" }),
  claimed("a number as the subject", "subject", { sub: 7 }),
  headed("without a typ", "ok", { typ: undefined }),
  headed("an access token of RFC 9068", "ok", { typ: "at+jwt" }),
  headed("the same with its media type", "ok", { typ: "application/AT+JWT" }),
  headed("a logout token", "type", { typ: "logout+jwt" }),
  headed("a proof of possession", "type", { typ: "dpop+jwt" }),
  headed("critical header parameters", "critical", { crit: ["exp"] }),
  headed("an empty list of them", "critical", { crit: [] }),
  headed("crit that is no list", "invalid", { crit: "exp" }),
  raw("written by hand", "ok", head, twice(`"more":1`)),
  raw("a subject twice", "invalid", head, twice(`"sub":"ada"`)),
  raw("an audience twice", "invalid", head, twice(`"aud":"app"`)),
  raw("any claim twice", "invalid", head, twice(`"x":1,"x":1`)),
  raw("an algorithm twice", "invalid", `{"alg":"EdDSA","kid":"ed25519","alg":"EdDSA"}`, twice(`"more":1`)),
];
const made_with = `node ${process.versions.node}, node:crypto`;
console.log(JSON.stringify({ made_with, jwks: { keys }, vectors }, null, 2));
