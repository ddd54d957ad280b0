// Trees of Debian 12 (debian-tree.ts) with the mail servers that cannot be installed beside Postfix: Exim, OpenSMTPD
// and Sendmail, each in a tree of its own. All have Node, so that relaymap's commands run beside the server.
import { debianTree, type DebianTree, type TreeOptions } from './debian-tree.ts';

/** Their Debian packages, by kind. */
export const MTA_PACKAGES = {
  exim: ['exim4-daemon-light', 'exim4-config', 'exim4-base'],
  'exim-heavy': ['exim4-daemon-heavy', 'exim4-config', 'exim4-base'],
  opensmtpd: ['opensmtpd'],
  sendmail: ['sendmail-bin', 'sendmail-base', 'sendmail-cf', 'm4', 'make'],
} as const;

export type TreeKind = keyof typeof MTA_PACKAGES;

const BASE: TreeOptions = {
  suite: 'bookworm',
  name: 'mta-bookworm',
  packages: ['adduser', 'iproute2', 'nodejs', 'openssl', 'procps'],
};

/** The tree that all of these begin with: Node, and no mail server. */
export const plainTree = (): Promise<DebianTree> => debianTree(BASE);

export function mtaTree(kind: TreeKind): Promise<DebianTree> {
  return debianTree({
    suite: 'bookworm',
    name: `mta-${kind}`,
    packages: MTA_PACKAGES[kind],
    debconf: ['exim4-config exim4/dc_eximconfig_configtype select no configuration at this time'],
    from: BASE,
  });
}
