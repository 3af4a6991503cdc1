// Whose token the console has, and whether it may act.

import { createContext, useContext } from 'react';
import type { Caller } from './types';

export const CallerContext = createContext<Caller>({ name: '', right: 'read' });

export const useCaller = (): Caller => useContext(CallerContext);

export const useMayAct = (): boolean => useCaller().right === 'act';
