// Covers src/publisher/fleet/log/assembly/line-scan.ts, src/publisher/fleet/log/line-scan-wasm.ts
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compile, made } from '../../packaging/wasm.mjs';

test('the module that runs is what its source makes; `npm run wasm` makes it anew', async () => {
  expect(readFileSync(made, 'utf8')).toBe(await compile());
});
