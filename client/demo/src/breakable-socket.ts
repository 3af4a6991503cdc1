// A WebSocket that the visitor can break, as a proxy that blocks sockets would. While the switch is on
// in any tab of this browser, live sockets close and new ones fail.

const SWITCH = 'demo.broken';
const live = new Set<WebSocket>();

export function isBroken(): boolean {
  return localStorage.getItem(SWITCH) !== null;
}

export function setBroken(broken: boolean): void {
  if (broken) localStorage.setItem(SWITCH, 'yes');
  else localStorage.removeItem(SWITCH);
  apply();
}

export function onBroken(listener: () => void): () => void {
  addEventListener('storage', listener);
  addEventListener('demo:broken', listener);
  return () => {
    removeEventListener('storage', listener);
    removeEventListener('demo:broken', listener);
  };
}

export function breakableSockets(): void {
  const Native = globalThis.WebSocket;
  globalThis.WebSocket = class extends Native {
    constructor(url: string | URL, protocols?: string | string[]) {
      if (isBroken()) throw new DOMException('Sockets are switched off.', 'SecurityError');
      super(url, protocols);
      live.add(this);
      this.addEventListener('close', () => live.delete(this));
    }
  };
  addEventListener('storage', apply);
}

function apply(): void {
  if (isBroken()) for (const socket of live) socket.close(4000, 'switched off');
  else dispatchEvent(new Event('online'));
  dispatchEvent(new Event('demo:broken'));
}
