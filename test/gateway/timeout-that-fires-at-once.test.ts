// Node's timers end at 24.8 days: a longer timeout would fire at once, and so would one of nothing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readGatewayConfig } from '../../src/gateway/config.ts';

function withLimit(line: string): () => unknown {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-config-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = path.join(dir, 'relaymap.toml');
  const bundle = '[[bundle]]\nname = "a"\nurls = ["https://a.example/"]\nkeys = "/keys"\n';
  writeFileSync(file, `${bundle}[limits]\n${line}\n`);
  return () => readGatewayConfig(file);
}

test.each(['total_timeout', 'idle_timeout'])('%s', (key) => {
  for (const value of ['0s', '25d', '30d', '1441m']) {
    expect(withLimit(`${key} = "${value}"`), value).toThrow(`limits.${key} must be from 1s to 24h`);
  }
  for (const value of ['1s', '24h']) expect(withLimit(`${key} = "${value}"`), value).not.toThrow();
});
