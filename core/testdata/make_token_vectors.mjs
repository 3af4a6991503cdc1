// Signs tokens with node:crypto, an implementation that shares nothing with ours, and prints them
// with the key set that belongs to them and what core's token tests must say of each. The private
// keys are made anew at every run and never written anywhere:
//   node make_token_vectors.mjs > token_vectors.json
import { generateKeyPairSync, sign } from "node:crypto";

const EXP = 4_102_444_800; // 2100-01-01
const pair = (type, options) => generateKeyPairSync(type, options);
const rsa = pair("rsa", { modulusLength: 2048 });
const foreign = pair("rsa", { modulusLength: 2048 });
const encryption = pair("rsa", { modulusLength: 2048 });
const p256 = pair("ec", { namedCurve: "P-256" });
const p384 = pair("ec", { namedCurve: "P-384" });
const ed25519 = pair("ed25519");

const jwk = ({ publicKey }, more) => ({ ...publicKey.export({ format: "jwk" }), ...more });
const keys = [
  jwk(rsa, { kid: "rsa", alg: "RS256", use: "sig" }),
  jwk(p256, { kid: "p256" }),
  jwk(ed25519, { kid: "ed25519", use: "sig" }),
  jwk(p384, { kid: "p384", alg: "ES384" }),
  jwk(encryption, { kid: "encryption", use: "enc" }),
  { kty: "oct", kid: "shared", alg: "HS256", k: Buffer.from("x".repeat(32)).toString("base64url") },
];

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signers = {
  RS256: (data, { privateKey }) => sign("sha256", data, privateKey),
  RS512: (data, { privateKey }) => sign("sha512", data, privateKey),
  ES256: (data, { privateKey }) => sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" }),
  ES384: (data, { privateKey }) => sign("sha384", data, { key: privateKey, dsaEncoding: "ieee-p1363" }),
  EdDSA: (data, { privateKey }) => sign(null, data, privateKey),
};
const vector = (what, expected, key, header, claims = {}) => {
  const data = `${base64({ typ: "JWT", ...header })}.${base64({ sub: "ada", exp: EXP, ...claims })}`;
  const signature = signers[header.alg](Buffer.from(data), key).toString("base64url");
  return { what, expected, token: `${data}.${signature}` };
};

const vectors = [
  vector("RS256", "ok", rsa, { alg: "RS256", kid: "rsa" }),
  vector("ES256, whose key names no algorithm", "ok", p256, { alg: "ES256", kid: "p256" }),
  vector("EdDSA", "ok", ed25519, { alg: "EdDSA", kid: "ed25519" }),
  vector("without a kid the algorithm finds the key", "ok", rsa, { alg: "RS256" }),
  vector("audience and issuer are the host's business", "ok", rsa, { alg: "RS256" }, { aud: ["x"], iss: "y" }),
  vector("expired", "expired", rsa, { alg: "RS256", kid: "rsa" }, { exp: 1_000 }),
  vector("without exp", "invalid", rsa, { alg: "RS256", kid: "rsa" }, { exp: undefined }),
  vector("without sub", "invalid", p256, { alg: "ES256", kid: "p256" }, { sub: undefined }),
  vector("kid unknown", "unknown key", rsa, { alg: "RS256", kid: "rolled" }),
  vector("kid of another kind of key", "unknown key", rsa, { alg: "RS256", kid: "p256" }),
  vector("kid of a key for encryption", "unknown key", encryption, { alg: "RS256", kid: "encryption" }),
  vector("somebody else's key", "invalid", foreign, { alg: "RS256", kid: "rsa" }),
  vector("somebody else's key without a kid", "unknown key", foreign, { alg: "RS256" }),
  vector("the right key with another algorithm", "unknown key", rsa, { alg: "RS512", kid: "rsa" }),
  vector("an algorithm that is not taken", "unknown key", p384, { alg: "ES384", kid: "p384" }),
];
const made_with = `node ${process.versions.node}, node:crypto`;
console.log(JSON.stringify({ made_with, jwks: { keys }, vectors }, null, 2));
