// The platform's lock queue: first come, first served, with abort and steal. It asserts nothing itself.

import type { FakeTab } from './browser-model.js';

interface LockRequest {
  owner: FakeTab;
  grant: () => void;
  revoke: () => void;
}

export class FakeLocks {
  private readonly held = new Map<string, LockRequest>();
  private readonly queues = new Map<string, LockRequest[]>();

  request(
    owner: FakeTab,
    name: string,
    options: LockOptions | (() => unknown),
    work?: () => unknown,
  ): Promise<unknown> {
    const how = typeof options === 'function' ? {} : options;
    const callback = typeof options === 'function' ? options : work;
    return new Promise((resolve, reject) => {
      const request: LockRequest = {
        owner,
        grant: () => {
          this.held.set(name, request);
          owner.run(() => {
            // A page that thaws may find that its lock was stolen before it could use it.
            if (this.held.get(name) !== request) return;
            Promise.resolve(callback?.())
              .then(resolve, reject)
              .finally(() => this.release(name, request));
          });
        },
        revoke: () => owner.run(() => reject(new DOMException('stolen', 'AbortError'))),
      };
      const queue = this.queueOf(name);
      if (how.steal) this.steal(name, request);
      else if (this.held.has(name)) queue.push(request);
      else queueMicrotask(() => (this.held.has(name) ? queue.push(request) : request.grant()));
      how.signal?.addEventListener('abort', () => {
        const index = queue.indexOf(request);
        if (index < 0) return;
        queue.splice(index, 1);
        reject(new DOMException('aborted', 'AbortError'));
      });
    });
  }

  /** Frees what a page held or waited for that is gone. */
  releaseAll(owner: FakeTab): void {
    for (const [name, queue] of this.queues) {
      this.queues.set(
        name,
        queue.filter((request) => request.owner !== owner),
      );
    }
    for (const [name, request] of [...this.held]) {
      if (request.owner === owner) this.release(name, request);
    }
  }

  private queueOf(name: string): LockRequest[] {
    const queue = this.queues.get(name) ?? [];
    this.queues.set(name, queue);
    return queue;
  }

  private steal(name: string, request: LockRequest): void {
    const holder = this.held.get(name);
    request.grant();
    holder?.revoke();
  }

  private release(name: string, request: LockRequest): void {
    if (this.held.get(name) !== request) return;
    this.held.delete(name);
    this.queueOf(name).shift()?.grant();
  }
}
