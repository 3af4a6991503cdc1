// One WebSocket per tab, grouped by user. Frames have the shape of tierlift's. A socket without a
// valid token is refused at the upgrade; a frame that is neither `sync` nor `ping` closes it.
import { WebSocketServer } from 'ws';

import { session, userOf } from './session.js';

const PROTOCOL = 'tierlift.v1';
const BEARER = 'bearer.';
const FRAME_MAX_BYTES = 4096;
const PONG = JSON.stringify({ v: 1, type: 'PONG' });

export class Sockets {
  #byUser = new Map();
  #jwtSecret;
  #store;
  #server = new WebSocketServer({
    noServer: true,
    maxPayload: FRAME_MAX_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  });

  constructor(jwtSecret, store) {
    this.#jwtSecret = jwtSecret;
    this.#store = store;
  }

  upgrade(request, socket, head) {
    const user = request.url === '/ws' ? this.#userOf(request) : undefined;
    if (user === undefined) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#open(user, ws));
  }

  notify({ user, frame }) {
    const open = this.#byUser.get(user);
    if (open === undefined) return;
    const text = JSON.stringify(frame);
    for (const ws of open) ws.send(text);
  }

  close() {
    for (const open of this.#byUser.values()) for (const ws of open) ws.close(1001);
  }

  #userOf(request) {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((part) => part.trim());
    const bearer = offered.find((part) => part.startsWith(BEARER));
    if (bearer === undefined) return undefined;
    return userOf(bearer.slice(BEARER.length), this.#jwtSecret);
  }

  #open(user, ws) {
    let open = this.#byUser.get(user);
    if (open === undefined) this.#byUser.set(user, (open = new Set()));
    open.add(ws);
    ws.on('error', () => ws.terminate());
    ws.on('close', () => {
      open.delete(ws);
      if (open.size === 0) this.#byUser.delete(user);
    });
    ws.on('message', (data) => this.#message(user, ws, data));
  }

  #message(user, ws, data) {
    switch (actionOf(data)) {
      case 'sync':
        ws.send(JSON.stringify(this.#snapshot(user)));
        break;
      case 'ping':
        ws.send(PONG);
        break;
      default:
        ws.close(1008, 'frame_invalid');
    }
  }

  #snapshot(user) {
    return { v: 1, type: 'SNAPSHOT', ...session(this.#store.account(user)) };
  }
}

function actionOf(data) {
  try {
    return JSON.parse(data).action;
  } catch {
    return undefined;
  }
}
