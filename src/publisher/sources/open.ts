/** Finds the reader for a source's type. Loads a driver only for a source that needs it. */
import type { SourceConfig } from '../source-config.ts';
import { fileSource } from './file.ts';
import type { SourceReader } from './source-reader.ts';

/** @throws HostError CONFIG if the configuration alone shows a mistake. */
export async function openSource(source: SourceConfig): Promise<SourceReader> {
  switch (source.type) {
    case 'file':
      return fileSource(source);
    case 'sql':
      return (await import('./sql/sql.ts')).sqlSource(source);
    case 'command':
      return (await import('./command.ts')).commandSource(source);
    case 'http':
      return (await import('./http.ts')).httpSource(source);
    case 'ldap':
      return (await import('./ldap/ldap.ts')).ldapSource(source);
    default:
      return (await import('./postfix-map.ts')).postfixMapSource(source);
  }
}
