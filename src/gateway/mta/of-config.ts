/**
 * The mail server that the configuration names. A further kind is one more line here, and a folder beside
 * `postfix`.
 */
import type { GatewayConfig } from '../config.ts';
import type { Mta } from './mta.ts';
import { postfix } from './postfix/postfix.ts';

export const mtaOf = (config: GatewayConfig): Mta => postfix(config);
