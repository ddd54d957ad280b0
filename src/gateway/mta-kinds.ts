/**
 * What is fixed for each kind of mail server: the form of its maps, whose files they are, how it folds, when it must
 * be told of a new map. Data only, so that a health check need not load more (docs/commands.md section 2.7).
 */

export const KIND_NAMES = ['postfix', 'exim', 'opensmtpd', 'haraka'] as const;

export type Kind = (typeof KIND_NAMES)[number];

export interface KindFacts {
  /** Its name in a sentence: `Postfix`. */
  readonly name: string;
  /** The group as which it reads the maps, where the host has such a group; null where it reads them as itself. */
  readonly group: string | null;
  /** The user as whom it reads them after it has given up root. */
  readonly user: string | null;
  /**
   * The text file beside each cdb: `pairs` is a row `key<TAB>value` a line, as postmap reads it; `list` is one key a
   * line. The cdb is made for every kind, since `lookup` and `health` read it.
   */
  readonly text: 'pairs' | 'list';
  /** After which installation it must be told: of a map that appears, of each change, or never. */
  readonly reloadAfter: 'appearance' | 'change' | 'never';
  /** What a person types to tell it. */
  readonly reloadLine: string;
  /**
   * How it folds what it is asked: by Unicode as the rows are folded, by itself or by the `table` that relaymap puts
   * beside the maps; or A to Z alone.
   */
  readonly folds: 'full' | 'table' | 'ascii';
  /** What it answers an unknown recipient of a list that is out of date, where `[stale]` is set. */
  readonly deferCode: 450 | 451;
  /** The map types of `[maps] types` that it can be given. */
  readonly types: readonly string[];
}

export const KINDS: Readonly<Record<Kind, KindFacts>> = {
  postfix: {
    name: 'Postfix',
    group: 'postfix',
    user: 'postfix',
    text: 'pairs',
    reloadAfter: 'appearance',
    reloadLine: 'postfix reload',
    folds: 'full',
    deferCode: 450,
    types: ['cdb', 'lmdb', 'hash', 'btree'],
  },
  exim: {
    name: 'Exim',
    group: 'Debian-exim',
    user: 'Debian-exim',
    text: 'pairs',
    reloadAfter: 'never',
    reloadLine: '',
    folds: 'table',
    deferCode: 451,
    types: ['cdb'],
  },
  opensmtpd: {
    name: 'OpenSMTPD',
    group: 'opensmtpd',
    user: 'opensmtpd',
    text: 'list',
    reloadAfter: 'change',
    reloadLine: 'smtpctl update table relaymap_recipients && smtpctl update table relaymap_domains',
    folds: 'ascii',
    deferCode: 450,
    types: ['cdb'],
  },
  haraka: {
    name: 'Haraka',
    group: 'haraka',
    user: 'haraka',
    text: 'pairs',
    reloadAfter: 'never',
    reloadLine: '',
    folds: 'table',
    deferCode: 450,
    types: ['cdb'],
  },
};
