/** The mail server that the configuration names. A further kind is one more line here, and a folder beside these. */
import type { GatewayConfig } from '../config.ts';
import type { Kind } from '../mta-kinds.ts';
import { exim } from './exim/exim.ts';
import { haraka } from './haraka/haraka.ts';
import type { Mta } from './mta.ts';
import { opensmtpd } from './opensmtpd/opensmtpd.ts';
import { postfix } from './postfix/postfix.ts';

const MAKERS: Readonly<Record<Kind, (config: GatewayConfig) => Mta>> = { postfix, exim, opensmtpd, haraka };

export const mtaOf = (config: GatewayConfig): Mta => MAKERS[config.mta.kind](config);
