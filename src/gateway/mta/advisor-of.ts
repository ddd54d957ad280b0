/**
 * Who advises `init`, `check` and `lookup` of the configured server; null for Postfix, of whom gateway/check,
 * gateway/init and gateway/lookup know more than these questions ask.
 */
import type { GatewayConfig } from '../config.ts';
import type { Kind } from '../mta-kinds.ts';
import type { Advisor } from './advisor.ts';
import { eximAdvisor } from './exim/advisor.ts';
import { harakaAdvisor } from './haraka/advisor.ts';
import { opensmtpdAdvisor } from './opensmtpd/advisor.ts';

const ADVISORS: Readonly<Record<Exclude<Kind, 'postfix'>, (config: GatewayConfig) => Advisor>> = {
  exim: eximAdvisor,
  opensmtpd: opensmtpdAdvisor,
  haraka: harakaAdvisor,
};

export const advisorOf = (config: GatewayConfig): Advisor | null =>
  config.mta.kind === 'postfix' ? null : ADVISORS[config.mta.kind](config);
