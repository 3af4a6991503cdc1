// The keyboard: two-key jumps, one-key acts of what is on the page, and moves between the rows of a list. Keys that are
// typed into a field, or into a dialog, are that field's.

import { useEffect } from 'react';
import { go } from './place';

/** What the help dialog lists. */
export const KEYS: [keys: string, meaning: string][] = [
  ['g o', 'Overview'],
  ['g d', 'Dead letters'],
  ['g s', 'Search'],
  ['g a', 'Audit'],
  ['/', 'Search'],
  ['j  k', 'Next and previous row'],
  ['Enter', 'Open the row'],
  ['r', 'Redrive what is shown'],
  ['n', 'Note on the group'],
  ['x', 'Discard the dead letter'],
  ['Esc', 'Back, or close the dialog'],
  ['?', 'This help'],
];

const JUMPS: Record<string, string[]> = { o: [], d: ['dead-letters'], s: ['search'], a: ['audit'] };

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));

/** Whether a key belongs to the page: nothing is typed, no dialog is open, and no browser shortcut is meant. */
function isPages(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  return !isTyping(event.target) && document.querySelector('dialog[open]') === null;
}

/** Presses the control that declares this key. */
function press(key: string): boolean {
  const control = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
  control?.click();
  return control !== null;
}

function move(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
  const at = rows.findIndex((row) => row === document.activeElement);
  const next = rows[at === -1 ? (by === 1 ? 0 : rows.length - 1) : at + by];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

export function useKeys(): void {
  useEffect(() => {
    let jumping = false;
    const onKey = (event: KeyboardEvent): void => {
      if (!isPages(event)) return;
      const wasJumping = jumping;
      jumping = event.key === 'g';
      const jump = wasJumping ? JUMPS[event.key] : undefined;
      if (jump) go(...jump);
      else if (event.key === '/') go('search');
      else if (event.key === 'j') move(1);
      else if (event.key === 'k') move(-1);
      else if (!press(event.key)) return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}
