'use client';
// Announces role changes as toasts of sonner. It is an entry of its own, so that only a host that
// imports it needs sonner.

import { toast } from 'sonner';
import type { ToastAdapter } from './toasts.js';

/** For `<TierProvider toasts={sonnerToasts}>`; needs sonner's `<Toaster />` on the page. */
export const sonnerToasts: ToastAdapter = {
  success: (message) => void toast.success(message),
  info: (message) => void toast.info(message),
};
