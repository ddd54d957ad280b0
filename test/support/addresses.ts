// Addresses of every kind for comparing a look-up with Postfix: the rows of a list, and thousands of questions
// around them, the same in every run. It only writes addresses down; what the right answer is, Postfix says.
import { canonicalRow } from '../../src/bundle/address/address.ts';
import { Random } from './random.ts';

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Internal form. */
const LOCALS: readonly string[] = [
  ...words(`alice bob bob+lists carol-ann carol dave+a+b erin-x+y a x.y.z o'neill +plus -dash
    postmaster mailer-daemon double-bounce mailer double abuse post owner list request owner-list
    list-request news-request news owner-news -request owner- pre-owner-x pre list-requests
    .dot dot. do..ts back\\slash quo"te "both" comma, (paren) <angle> col:on semi;colon [square] #hash
    at@sign @first @route:x bang!path per%cent # " \\ {brace} a"b+c
    jörg ärger+x straße ὀδυσσεύς i\u0307stanbul 李 \u{1f4ee}`),
  'john doe',
  ' lead',
  'trail ',
  'two  blanks',
  ' ',
  'sp ace+ext',
  'sp ace',
  'non\u00a0breaking',
  'wide\u3000blank',
  'k'.repeat(64),
  `${'long.'.repeat(40)}end`,
  'ü'.repeat(200),
];
const DOMAINS = words(`example.org sub.example.org two.example bücher.example xn--bcher-kva.example
  under_score.example a--b.example`);
/** Domains that have a row for the whole of them. */
const WHOLE = words('whole.example some.sub.example.org xn--strae-oqa.example');
/** Domains of questions beside those of rows. */
const OTHERS: readonly string[] = [
  ...words(`nowhere.example xexample.org org example deep.er.example.org x.whole.example localhost
    example.org.evil.example -bad.example.org bad-.example.org b..example.org .example.org
    1.2.3 127.0.0.1 1.example.org a_b.example.org _.example.org sub.sub.example.org *.example.org
    ex%ample.org exa!mple.org x.bücher.example bu\u0308cher.example büch-.example ab--c.bücher.example
    [127.9.9.9] [nonsense] xn--zz--.example.org strasse.example straße.example x.straße.example bücher。example ☃.example.org
    ΣΊΣΥΦΟΣ.example.org \u00ad.example.org`),
  ...[63, 64].map((length) => `${'l'.repeat(length)}.example.org`),
  ...[48, 50].map((labels) => `${'long.'.repeat(labels)}example.org`),
  `${'ü'.repeat(60)}.example.org`,
];

/**
 * The rows of the list: each local part under at least one domain; rows too that the format allows and Postfix
 * never asks for.
 */
export function listed(): string[] {
  const random = new Random(7);
  const rows = LOCALS.flatMap((local, i) => {
    const home = DOMAINS[i % DOMAINS.length] ?? '';
    const again = DOMAINS.filter((domain) => domain !== home && random.once(3));
    return [home, ...again].map((domain) => `${local}@${domain}`);
  });
  const unheard = ['-bad.example.org', '1.2.3', 'ex%ample.org', `${'l'.repeat(64)}.example.org`].map(
    (domain) => `alice@${domain}`,
  );
  const whole = WHOLE.map((domain) => `@${domain}`);
  return [...new Set([...rows, ...whole, ...unheard].map(canonicalRow))];
}

/** `count` questions as they stand in RCPT between `<` and `>`; no two alike. */
export function questions(count: number, seed: number): string[] {
  const random = new Random(seed);
  const asked = new Set<string>();
  while (asked.size < count) {
    const local = changed(random.pick(LOCALS), random);
    const domains = random.once(5) ? OTHERS : random.once(8) ? WHOLE : DOMAINS;
    let domain = random.pick(domains);
    const literal = domain.startsWith('[');
    if (!literal && random.once(8)) domain = `${random.pick(['sub', 'x', 'other.host', 'ö', '-'])}.${domain}`;
    if (random.once(5)) domain = inOtherCase(domain, random);
    if (!literal && random.once(25)) domain = `${domain}${random.pick(['.', '..'])}`;
    asked.add(`${written(local, random)}@${domain}`);
  }
  return [...asked];
}

/** Mostly a little beside what it was: an extension more or less, other letters, another case. */
function changed(local: string, random: Random): string {
  let text = local;
  if (random.once(3)) {
    const delimiter = random.pick(['+', '-', '+-', '=', '.', '++', '-request', '-+', '!', '@', '%']);
    text = `${text}${delimiter}${random.pick(['', 'ext', 'Ext ra', 'x+y', 'x-y', 'request', '"', 'é', 'é¤', '..'])}`;
  }
  if (random.once(12)) text = `${random.pick(['owner-', 'x-', '+', '.', ' ', 'ß', '"', 'Owner-'])}${text}`;
  if (random.once(12)) text = Array.from(text).slice(random.number(2), random.number(9)).join('');
  if (random.once(20)) text = text.repeat(2);
  return random.once(3) ? inOtherCase(text, random) : text;
}

function inOtherCase(text: string, random: Random): string {
  const [upper, lower] = [text.toUpperCase(), text.toLowerCase()];
  return random.once(2)
    ? upper
    : Array.from(text, (c) => random.pick([c.toUpperCase(), c, lower.includes(c) ? c : c])).join('');
}

const ATOMS = /^[^\s"(),:;<>@[\\\]\u0000-\u001f\u007f.]+(?:\.[^\s"(),:;<>@[\\\]\u0000-\u001f\u007f.]+)*$/u;

/**
 * A local part in external form: plain where that is possible, and in one of the ways of quoting it otherwise, and
 * sometimes anyway.
 */
function written(local: string, random: Random): string {
  const plain = ATOMS.test(local);
  if (plain && !random.once(8)) return local;
  if (plain && random.once(2)) {
    const [first = '', ...rest] = local.split('.');
    return [`"${first}"`, ...rest].join('.');
  }
  const needless = random.once(6);
  return `"${Array.from(local, (c) => (/["\\]/.test(c) || (needless && /[a-z ]/.test(c)) ? `\\${c}` : c)).join('')}"`;
}
