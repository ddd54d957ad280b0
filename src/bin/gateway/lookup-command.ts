/**
 * `relaymap lookup`: asks the installed maps what Postfix would ask them, and the other tables that Postfix uses
 * too.
 */
import path from 'node:path';
import '../seed-hashes.ts';
import { answers, unlessAsked, withWord, type LookupAnswer } from '../../gateway/lookup/lookup-address.ts';
import { byOtherTables } from '../../gateway/lookup/other-tables.ts';
import { whereTo } from '../../gateway/lookup/where-to.ts';
import { histories } from '../../gateway/lookup/lookup-history.ts';
import { readGatewayConfig } from '../../gateway/config.ts';
import { advisorOf } from '../../gateway/mta/advisor-of.ts';
import { mtaOf } from '../../gateway/mta/of-config.ts';
import { KINDS } from '../../gateway/mta-kinds.ts';
import { deferringCode, postfixHabits } from '../../gateway/mta/postfix/commands.ts';
import { CompileError, HostError } from '../../errors.ts';
import { log } from '../../io/log.ts';
import { printable } from '../../io/printable.ts';
import { typedAddress } from '../../map/typed-address.ts';
import { becomeOwner } from '../become-owner.ts';
import { requireReadable } from './state-rights.ts';
import { historyLine, lookupLine } from '../../gateway/lookup/lookup-lines.ts';

export async function lookupCommand(
  addresses: string[],
  options: { config: string; delimiter?: string; history: boolean },
): Promise<number> {
  const config = readGatewayConfig(options.config);
  const asked = addresses.map((typed) => {
    const address = typedAddress(typed);
    if (address === null)
      throw new HostError('CONFIG', `${typed} is not an address; type it as local@domain, each as a word of its own`);
    return address;
  });
  const advisor = advisorOf(config);
  const kind = KINDS[config.mta.kind];
  // Only root may have the server say a dialogue of somebody else's.
  const said = advisor !== null && process.geteuid?.() === 0 ? advisor.ask(asked) : null;
  await becomeOwner(config.state_dir);
  requireReadable('to read the maps', config.state_dir, [path.join(config.map_dir, 'relay_recipients.cdb')]);
  const known = advisor?.habits ?? postfixHabits();
  const habits = { ...known, ...(options.delimiter === undefined ? {} : { delimiter: options.delimiter }) };
  let found: LookupAnswer[] | null;
  try {
    found = await answers(config, asked, habits, advisor?.sees);
    if (found !== null && advisor === null) found = await byOtherTables(config, found, habits);
    if (found !== null && advisor !== null && said === null) found = unlessAsked(found, mtaOf(config).look());
    if (found !== null && said !== null) found = withWord(found, kind.name, said);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    log('error', `${error.code}: ${error.message}. The next cycle makes the map again: relaymap fetch`);
    return 2; // 1 would mean that an address is rejected
  }
  if (found === null) {
    log(
      'error',
      `there is no map in ${config.map_dir}; ${kind.name} defers all mail for its relay domains. Try: relaymap fetch`,
    );
    return 2;
  }
  const ways = await whereTo(config, found);
  const warn = (message: string) => log('warning', message);
  const code = advisor === null ? deferringCode() : null;
  const past = options.history ? await histories(config, asked, habits, warn) : null;
  for (const [i, a] of found.entries()) {
    const lines = [
      lookupLine({ ...a, address: addresses[i] ?? a.address }, kind, code),
      ...(ways[i] == null ? [] : [`  ${ways[i]}`]),
      ...(past?.get(a.address) ?? []).map(historyLine),
    ];
    process.stdout.write(`${lines.map(printable).join('\n')}\n`);
  }
  return found.every((a) => a.accepted) ? 0 : 1;
}
