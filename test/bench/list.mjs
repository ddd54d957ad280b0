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

/**
 * The two kinds of list: an organisation's, of 5,000 domains at a million rows, some of them large; and a provider's,
 * of 430,000, most of them with one to three rows.
 */
export const KINDS = ['organisation', 'provider'];

/** The domains of a list of so many rows. */
export function domainsOf(rows, kind = 'organisation') {
  const count = kind === 'provider' ? Math.round(rows * 0.43) : Math.max(TOWNS.length, Math.round(rows / 200));
  return Array.from({ length: count }, (_, i) => {
    const town = TOWNS[i % TOWNS.length];
    if (i < TOWNS.length) return `${town}.example`;
    return i % 4 === 0 ? `${word(i)}-${town}.example` : `${word(i)}.example`;
  });
}

/** Writes `rows` distinct addresses: postmaster of each domain, then people. */
export function writeList(file, rows, kind = 'organisation') {
  const domains = domainsOf(rows, kind);
  const fd = openSync(file, 'w');
  try {
    let text = '';
    for (let i = 0; i < rows; i++) {
      text += i < domains.length ? `postmaster@${domains[i]}\n` : `${person(i - domains.length, domains, kind)}\n`;
      if (text.length < 1e6) continue;
      writeSync(fd, text);
      text = '';
    }
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

/** The lines of a list in which `changed` rows differ from these: half of them gone, half of them new. */
export function changedLines(lines, domains, changed, round) {
  const next = [...lines];
  const people = lines.length - domains.length;
  for (let i = 0; i < changed / 2; i++) {
    // Another place each time, so that no row is changed twice.
    const at = domains.length + ((Math.floor((i * people) / (changed / 2)) + round) % people);
    next[at] = `new${i}.round${round}@${domains[(i * 7919) % domains.length]}`;
  }
  return next;
}

const PEOPLE = 2 ** 25;

/** Every number below PEOPLE once, in no order: three steps that can each be undone. */
function shuffled(i) {
  let x = Math.imul(i, 0x9e3779b1) & (PEOPLE - 1);
  x ^= x >>> 13;
  x = Math.imul(x, 0x85ebca6b) & (PEOPLE - 1);
  return x ^ (x >>> 12);
}

/** A word for each number, none twice. */
function word(number) {
  let text = '';
  for (let rest = number; text.length < 6 || rest > 0; rest = Math.floor(rest / SYLLABLES.length))
    text += SYLLABLES[rest % SYLLABLES.length];
  return text;
}

/** The address of person number i. An organisation's first domains have most of them. */
function person(i, domains, kind) {
  const number = shuffled(i);
  const first = FIRST[number % FIRST.length];
  const last = word(Math.floor(number / FIRST.length));
  const local = number < PEOPLE / 2 ? `${first}.${last}` : `${last}.${first}`;
  const place = (Math.imul(i + 1, 0x85ebca6b) >>> 0) / 2 ** 32;
  // A twentieth of a provider's people are in its large domains.
  const skew = kind === 'provider' && i % 20 !== 0 ? 1 : kind === 'provider' ? 8 : 2;
  return `${local}@${domains[Math.floor(place ** skew * domains.length)]}`;
}
