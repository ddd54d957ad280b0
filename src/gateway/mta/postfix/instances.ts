/** The instances of Postfix that are meant: those of the configuration, else the one of MAIL_CONFIG. */
import type { GatewayConfig } from '../../config.ts';

const DEFAULT = '/etc/postfix';

export const instancesOf = ({ mta }: Pick<GatewayConfig, 'mta'>): readonly string[] =>
  mta.instances ?? [process.env['MAIL_CONFIG'] ?? DEFAULT];

/** The environment in which Postfix's commands mean this instance. */
export const instanceEnvironment = (instance: string | undefined): NodeJS.ProcessEnv =>
  instance === undefined ? {} : { MAIL_CONFIG: instance };
