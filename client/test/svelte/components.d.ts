declare module '*.svelte' {
  import type { Component } from 'svelte';
  import type { TierStore } from '../../src/svelte/index.js';

  const component: Component<{ tier: TierStore }>;
  export default component;
}
