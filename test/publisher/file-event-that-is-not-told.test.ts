// Events of a watched file, however it changes and whatever becomes of its folder; and a state that differs exactly
// when it has changed.
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FileWatch } from '../../src/publisher/watch/file-watch.ts';
import { folder } from './sourced.ts';

function watching(file: string): { readonly watch: FileWatch; readonly told: () => Promise<void> } {
  const watch = new FileWatch([file]);
  onTestFinished(() => watch.close());
  // Made before the change: an event may come at once.
  const told = () => new Promise<void>((resolve) => (watch.onEvent = resolve));
  return { watch, told };
}

test.each<[string, (file: string) => void]>([
  ['written in place', (file) => writeFileSync(file, 'b')],
  ['renamed into place', (file) => (writeFileSync(`${file}.new`, 'a'), renameSync(`${file}.new`, file))],
  ['removed', (file) => rmSync(file)],
])('%s', async (_, change) => {
  const file = path.join(folder(), 'list');
  writeFileSync(file, 'a');
  const { watch, told } = watching(file);
  const before = watch.state();
  expect(watch.state()).toBe(before);
  const event = told();
  change(file);
  await event;
  expect(watch.state()).not.toBe(before);
});

test('in the folder that a link leads to, and in one that is made anew', async () => {
  const dir = folder();
  for (const name of ['real', 'linked']) mkdirSync(path.join(dir, name));
  const [real, file] = [path.join(dir, 'real', 'list'), path.join(dir, 'linked', 'list')];
  writeFileSync(real, 'a');
  symlinkSync(real, file);
  const { watch, told } = watching(file);
  let event = told();
  writeFileSync(`${real}.new`, 'b');
  renameSync(`${real}.new`, real);
  await event;

  rmSync(path.join(dir, 'real'), { recursive: true });
  mkdirSync(path.join(dir, 'real'));
  writeFileSync(real, 'c');
  watch.refresh();
  event = told();
  writeFileSync(real, 'd');
  await event;
});
