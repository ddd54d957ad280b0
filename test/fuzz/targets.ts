// Every target of the fuzzer: the parsers that take bytes from outside.
import { address, domainList } from './targets/address.ts';
import { cdb } from './targets/cdb.ts';
import { gatewayConfig, publisherConfig } from './targets/configuration.ts';
import { delta } from './targets/delta.ts';
import { directory } from './targets/directory.ts';
import { endpoint } from './targets/endpoint.ts';
import { envelope } from './targets/envelope.ts';
import { aliases, csv, json, ldif, passwd, screen } from './targets/formats.ts';
import { gzip } from './targets/gzip.ts';
import { manifest } from './targets/manifest.ts';
import { publicKey } from './targets/public-key.ts';
import { publisherState, report, state } from './targets/records.ts';
import { compiledMap, lines, postfixMap } from './targets/sources.ts';
import { table } from './targets/table.ts';
import type { Target } from './target.ts';

export const TARGETS: readonly Target[] = [
  envelope,
  manifest,
  table,
  delta,
  gzip,
  cdb,
  publicKey,
  gatewayConfig,
  publisherConfig,
  state,
  report,
  publisherState,
  lines,
  csv,
  json,
  ldif,
  aliases,
  passwd,
  screen,
  postfixMap,
  compiledMap,
  address,
  domainList,
  directory,
  endpoint,
];
