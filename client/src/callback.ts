// Calls what the host passed in. What that throws is the host's fault: it becomes an uncaught error of
// the page, and changes nothing here.

export function callHost(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
