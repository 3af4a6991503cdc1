// What not every page needs, in one file that is loaded when something of it is needed: the watch for an
// upgrade, the renewal of a token, and the sentences for developers. Each of its users says what
// it does where this file does not come.

export { mayStore, renew } from './renewal.js';
export { sentenceOf } from './sentences.js';
export { createUpgradeWatch } from './upgrade-watch.js';
