/** What a JSON document says about the pages of a list, by the names that interfaces use. Pure. */

export interface Page {
  /** The URL of the next page, unchanged. */
  readonly next: string | null;
  /** What the next request adds to the query: Google's `pageToken`, SCIM's `startIndex`, a page number. */
  readonly query: readonly [name: string, value: string] | null;
  /** There is more, and nothing says how to request it. As text. */
  readonly more: string | null;
  /** How many entries the whole list has. If pages so far have fewer, some are missing. */
  readonly total: number | null;
  /** How many entries this page has, and how many it says come before it. */
  readonly records: number;
  readonly before: number;
}

type Members = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const NEXT = [
  '@odata.nextlink',
  'odata.nextlink',
  'nextlink',
  'next',
  'nextpageurl',
  'nexturl',
  'nextpagelink',
  'nextpage',
  'nextrecordsurl',
];
const TOKEN: Readonly<Record<string, string>> = { nextpagetoken: 'pageToken', next_page_token: 'page_token' };
const MORE = [
  'hasnextpage',
  'hasnext',
  'hasmore',
  'moreresults',
  'hasmoreitems',
  'istruncated',
  'truncated',
  'incomplete',
  'incompleteresults',
  'morerecords',
];
/** Keys for which "no" means that there is more. */
const LAST = ['last', 'islast', 'lastpage', 'islastpage', 'done'];
const TOTAL = [
  'totalresults',
  'totalcount',
  'total',
  'totalitems',
  'totalrecords',
  'totalrows',
  'recordstotal',
  'totalelements',
  'totalsize',
  'totalhits',
  'nbhits',
  '@odata.count',
  'count',
];
/** How many pages there are, and which one this is: counted from 1, or in the last two from 0. */
const PAGES = [
  'totalpages',
  'pages',
  'pagecount',
  'pagescount',
  'numpages',
  'nbpages',
  'numberofpages',
  'lastpage',
  'pagestotal',
];
const CURRENT = ['currentpage', 'page', 'pagenumber', 'pageno', 'current', 'number', 'pageindex'];
const FROM_ZERO = ['number', 'pageindex'];
/** Objects of a page that describe the page. Elasticsearch has the number of its entries beside them. */
const ABOUT = [
  'links',
  'paging',
  'pagination',
  'page',
  'pageinfo',
  'meta',
  'metadata',
  'responsemetadata',
  'info',
  'hits',
];

const plain = (key: string): string => key.toLowerCase().replace(/[_-]/g, '');

/** @param records how many the document contains. @returns null if it says nothing about other pages. */
export function pageOf(document: unknown, records: number): Page | null {
  if (!isObject(document)) return null;
  const about: Members[] = [document];
  collect(document, about, 0);
  const found = about.flatMap((members) => Object.entries(members));
  const value = (names: readonly string[], is: (each: unknown) => boolean) =>
    found.find(([key, each]) => names.includes(plain(key)) && is(each))?.[1];
  const start = value(['startindex'], isCount);
  const before = typeof start === 'number' ? Math.max(0, start - 1) : Number(value(['offset', 'skip'], isCount) ?? 0);
  const counted = value(TOTAL, (each) => isCount(each) || (isObject(each) && isCount(each['value'])));
  const total = isObject(counted) ? counted['value'] : counted;
  const page = {
    next: null,
    query: null,
    more: null,
    total: typeof total === 'number' ? total : null,
    records,
    before,
  };
  const next = value(NEXT, isUrl) ?? hrefOf(value(NEXT, isObject));
  if (typeof next === 'string') return { ...page, next };
  const token = found.find(([key, each]) => Object.hasOwn(TOKEN, key.toLowerCase()) && isText(each));
  if (token !== undefined) return { ...page, query: [TOKEN[token[0].toLowerCase()] ?? '', String(token[1])] };
  const number = value(['next', 'nextpage'], (each) => typeof each === 'number' && each > 0);
  if (typeof number === 'number') return { ...page, query: ['page', String(number)] };
  const flag = found.find(([key, each]) => MORE.includes(plain(key)) && each === true);
  if (flag !== undefined) return { ...page, more: `${flag[0]} is true` };
  const last = found.find(([key, each]) => LAST.includes(plain(key)) && each === false);
  if (last !== undefined) return { ...page, more: `${last[0]} is false` };
  const further = furtherPages(found);
  if (further !== null) return { ...page, more: further };
  const cursor = value([...NEXT, 'nextcursor', 'aftercursor', 'endcursor', 'nexttoken', 'continuationtoken'], isText);
  if (cursor !== undefined && value(MORE, (each) => each === false) === undefined)
    return { ...page, more: 'a further page has a cursor' };
  // SCIM (RFC 7644): only there does the position of the next entry say how to request it.
  if (typeof start === 'number' && records > 0 && before + records < (page.total ?? 0))
    return { ...page, query: ['startIndex', String(before + records + 1)] };
  return page.total === null ? null : page;
}

/** That this is not the last page, as text; null if it is, or nothing says so. */
function furtherPages(found: readonly (readonly [string, unknown])[]): string | null {
  const [key, pages] = found.find(([name, each]) => PAGES.includes(plain(name)) && isCount(each)) ?? ['', 1];
  const [which, number] = found.find(([name, each]) => CURRENT.includes(plain(name)) && isCount(each)) ?? ['', 1];
  const current = Math.max(1, Number(number) + (FROM_ZERO.includes(plain(which)) ? 1 : 0));
  return current < Number(pages) ? `it is page ${current} of ${String(pages)} (${key})` : null;
}

const isCount = (each: unknown): boolean => typeof each === 'number' && Number.isInteger(each) && each >= 0;
const isText = (each: unknown): boolean => typeof each === 'string' && each !== '';
const isUrl = (each: unknown): boolean => typeof each === 'string' && /[/?]/.test(each);

function collect(members: Members, about: Members[], depth: number): void {
  for (const [key, value] of Object.entries(members)) {
    if (!isObject(value) || depth > 3) continue;
    if (ABOUT.includes(plain(key))) about.push(value);
    // GraphQL: { data: { users: { nodes: [...], pageInfo: {...} } } }.
    collect(value, about, depth + 1);
  }
}

/** The target of a link, as HAL and JSON:API write it. */
function hrefOf(link: unknown): unknown {
  return isObject(link) ? (link['href'] ?? link['url'] ?? link['link']) : undefined;
}
