// Preloaded into an example's server, which stays as it is: what it sends to Stripe reaches the stand-in of
// the test.
const http = require('node:http');
const https = require('node:https');

const standIn = new URL(process.env.STRIPE_STAND_IN);

const request = https.request;
https.request = (options, ...rest) => {
  if (options.host !== 'api.stripe.com') return request(options, ...rest);
  const { hostname, port } = standIn;
  const made = http.request({ ...options, agent: undefined, host: hostname, port }, ...rest);
  // The SDK sends its request once the connection is encrypted.
  made.once('socket', (socket) => socket.once('connect', () => socket.emit('secureConnect')));
  return made;
};

const fetch = globalThis.fetch;
globalThis.fetch = (url, init) =>
  String(url).startsWith('https://api.stripe.com')
    ? fetch(String(url).replace('https://api.stripe.com', standIn.origin), init)
    : fetch(url, init);
