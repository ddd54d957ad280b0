/** A few rows from all over the installed text map. Reads that file. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** @param most how many rows to give */
export async function sampleRows(file: string, most: number): Promise<string[]> {
  let [rows, step] = [0, 1];
  let sample: string[] = [];
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (rows++ % step !== 0) continue;
    sample.push(line.split('\t')[0] ?? '');
    if (sample.length <= most) continue;
    sample = sample.filter((_, i) => i % 2 === 0);
    step *= 2;
  }
  return sample;
}
