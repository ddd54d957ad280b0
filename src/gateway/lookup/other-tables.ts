/**
 * The tables that the live Postfix asks beside relaymap's maps: an address that the list lacks may be accepted all
 * the same, by the local table of an emergency or as an alias. Asks Postfix's own tools; reads only.
 */
import { keysOf, type Habits } from '../../map/lookup.ts';
import type { GatewayConfig } from '../config.ts';
import { covered } from '../mta/postfix/domain-lists.ts';
import { instancesOf } from '../mta/postfix/instances.ts';
import { readPostfix, type PostfixConfig } from '../mta/postfix/main-cf.ts';
import { isOurs } from '../mta/postfix/map-references.ts';
import { STALE_MAP } from '../map-files.ts';
import { usesOf } from '../mta/postfix/uses.ts';
import { isTable, queryTable, words } from '../mta/postfix/tables.ts';
import type { LookupAnswer } from './lookup-address.ts';

/** What matches here is a known recipient of the relay class, in the order in which Postfix asks. */
const PARAMETERS = ['recipient_canonical_maps', 'canonical_maps', 'virtual_alias_maps', 'relay_recipient_maps'];

/** The answers, with those accepted that another table of the first instance knows. */
export async function byOtherTables(
  config: GatewayConfig,
  answers: readonly LookupAnswer[],
  habits: Habits,
): Promise<LookupAnswer[]> {
  const here = answers.every(({ accepted }) => accepted) ? null : readPostfix(instancesOf(config)[0]);
  if (here?.is !== 'here') return [...answers];
  const asks = usesOf(config, here.config).some(({ map }) => map === STALE_MAP);
  const found: LookupAnswer[] = [];
  for (const answer of answers) {
    const other = await known(config, here.config, answer, habits);
    found.push(other ?? (answer.outOfDate !== undefined && !asks ? { ...answer, outOfDate: 'not asked' } : answer));
  }
  return found;
}

async function known(
  config: GatewayConfig,
  postfix: PostfixConfig,
  answer: LookupAnswer,
  habits: Habits,
): Promise<LookupAnswer | null> {
  const { rejection, address } = answer;
  if (rejection !== 'unlisted' && rejection !== 'no-relay-domain') return null;
  const keys = keysOf({ ...habits, address });
  const domain = keys.at(-1)?.slice(1) ?? '';
  if (rejection === 'no-relay-domain') {
    const relayed = await covered(postfix, 'relay_domains', [domain], () => undefined);
    if (!relayed.has(domain)) return null;
  }
  for (const parameter of PARAMETERS) {
    const tables = words(postfix.main.get(parameter) ?? '').filter(isTable);
    for (const table of tables.filter((word) => !isOurs(config, 'relay_recipients', word))) {
      const has = await queryTable(table, keys);
      const row = keys.find((key) => has?.has(key) === true);
      if (row === undefined) continue;
      return {
        ...answer,
        accepted: true,
        row,
        relayDomain: true,
        rejection: null,
        from: [],
        table: `${table} (${parameter})`,
        outOfDate: undefined,
      };
    }
  }
  return null;
}
