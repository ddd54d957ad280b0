/** `relaymap lookup`: asks the installed maps what Postfix would ask them. */
import { becomeOwner } from '../gateway/access.ts';
import { answers, type LookupAnswer } from '../gateway/answer.ts';
import { readGatewayConfig } from '../gateway/config.ts';
import { postfixHabits } from '../gateway/postfix.ts';
import { lookupLine } from '../gateway/words.ts';
import { CompileError, HostError } from '../errors.ts';
import { log, printable } from '../io/log.ts';
import { typedAddress } from '../map/typed-address.ts';

export async function lookupCommand(
  addresses: string[],
  options: { config: string; delimiter?: string },
): Promise<number> {
  const config = readGatewayConfig(options.config);
  const asked = addresses.map((typed) => {
    const address = typedAddress(typed);
    if (address === null)
      throw new HostError('CONFIG', `${typed} is not an address; type it as local@domain, each as a word of its own`);
    return address;
  });
  becomeOwner(config.state_dir);
  let found: LookupAnswer[] | null;
  try {
    found = await answers(config, asked, {
      ...postfixHabits(),
      ...(options.delimiter === undefined ? {} : { delimiter: options.delimiter }),
    });
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    log('error', `${error.code}: ${error.message}. The next cycle makes the map again: relaymap fetch`);
    return 2; // 1 would say that an address is rejected
  }
  if (found === null) {
    log(
      'error',
      `there is no map in ${config.map_dir}; Postfix defers all mail for its relay domains. Try: relaymap fetch`,
    );
    return 2;
  }
  for (const [i, a] of found.entries())
    process.stdout.write(`${printable(lookupLine({ ...a, address: addresses[i] ?? a.address }))}\n`);
  return found.every((a) => a.accepted) ? 0 : 1;
}
