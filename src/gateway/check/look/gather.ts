/** Finds out what `check` judges: asks Postfix and its tables, looks at files. Changes nothing; judges nothing. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { GatewayConfig } from '../../config.ts';
import { lstatOrNull } from '../../maps/live-maps.ts';
import { postfixRuns, readPostfix } from '../../mta/postfix/main-cf.ts';
import { instancesOf } from '../../mta/postfix/instances.ts';
import { lookAtHealth } from '../../health/look.ts';
import { type MapName } from '../../mta/postfix/map-references.ts';
import type { CheckFacts, PostfixFound } from '../facts.ts';
import { earlyFacts, hostFacts } from './host-facts.ts';
import { listFacts, questions } from './list-facts.ts';
import { advisorOf } from '../../mta/advisor-of.ts';
import type { Advisor, ListFacts } from '../../mta/advisor.ts';
import { ENDINGS, STALE_MAP } from '../../map-files.ts';
import { becomeOwner, ownerBeside } from '../../become-owner.ts';
import { answers, postfixFacts } from './postfix-facts.ts';

/**
 * What only root may see or ask is done first; then the process becomes the owner of state_dir.
 * @param cronFault what the daemon says of its schedule
 */
export async function gather(
  file: string,
  config: GatewayConfig,
  now: Date,
  cronFault: string | null,
): Promise<CheckFacts> {
  const early = earlyFacts(file, config);
  const domains = ourDomains(config);
  const instances = [];
  const advisor = advisorOf(config);
  const list = advisor === null ? null : await listFacts(config);
  const others = advisor === null || list === null ? null : consult(advisor, list);
  for (const instance of advisor === null ? instancesOf(config) : []) {
    const here = readPostfix(instance);
    if (here.is !== 'here') instances.push({ here, runs: false, said: { asked: null, silent: null } });
    else
      instances.push({
        here,
        runs: postfixRuns(here.config),
        said: await answers(config, here.config, domains ?? []),
      });
  }
  // On a Node that does not let it change it goes on as root, and does no more than read.
  if (ownerBeside(config.state_dir) === null) becomeOwner(config.state_dir);
  const postfix: PostfixFound[] = [];
  for (const { here, runs, said } of instances) {
    postfix.push(await postfixFacts(config, here, runs, domains ?? [], said));
  }
  return {
    file,
    config,
    now,
    domains,
    present: {
      relay_recipients: present(config, 'relay_recipients'),
      transport: present(config, 'transport'),
      relay_domains: present(config, 'relay_domains'),
    },
    stalePresent: present(config, STALE_MAP),
    postfix,
    remarks: others?.remarks ?? [],
    deferring: others?.deferring ?? null,
    host: await hostFacts(early, file, config),
    health: await lookAtHealth(config, now, false),
    cronFault,
  };
}

/** What a server other than Postfix says of the list, and its advisor. */
function consult(advisor: Advisor, list: ListFacts & { close: () => void }): Pick<CheckFacts, 'remarks' | 'deferring'> {
  try {
    const { addresses, asked } = questions(list);
    const answers = process.geteuid?.() === 0 ? advisor.ask(addresses) : null;
    return { remarks: advisor.examine(list, answers === null ? null : asked(answers)), deferring: advisor.deferring() };
  } finally {
    list.close();
  }
}

function ourDomains(config: GatewayConfig): string[] | null {
  try {
    const rows = readFileSync(path.join(config.map_dir, 'relay_domains'), 'utf8').split('\n');
    return rows.filter((row) => row !== '').map((row) => row.split('\t')[0] ?? '');
  } catch {
    return null; // not there yet, or not for this user's eyes
  }
}

const present = (config: GatewayConfig, map: MapName): string[] =>
  [...new Set(config.maps.types.map((type) => map + ENDINGS[type]))].filter(
    (name) => lstatOrNull(path.join(config.map_dir, name))?.isFile() === true,
  );
