import { setFlagsFromString } from 'node:v8';

/** How much a function runs before V8 looks whether to optimize it; usual are 132 KiB. */
const budget = 1_000_000;

/**
 * Tells V8 that this process is over in a second. WebAssembly is then compiled once; and the V8 of
 * Node 20 optimizes only what runs eight times as long: to optimize what a single file needs takes
 * a third of the processor time of `lint`. Later ones wait by themselves.
 */
export function expectShortLife(): void {
  setFlagsFromString('--liftoff-only');
  const major = Number.parseInt(process.versions.v8, 10);
  if (major < 12) setFlagsFromString(`--interrupt-budget=${budget}`);
}
