/**
 * The URLs of a bundle in the configuration, and who is shown what there (docs/commands.md section 2.1): a URL by
 * itself, or a table with credentials of its own. Touches nothing.
 */
import path from 'node:path';
import * as z from 'zod/mini';
import { text } from '../io/config-file.ts';

export const absolute = () => text().check(z.refine((p) => path.isAbsolute(p), { error: 'must be an absolute path' }));

const url = () =>
  z.string({ error: 'must be text' }).check(
    z.refine((value) => urlFault(value) === null, {
      error: (issue) =>
        `must be an https URL that ends in "/", without user, query or fragment; this one ${urlFault(String(issue.input)) ?? ''}`,
    }),
  );

/** What is wrong with a text that should be a base URL; null for one. Not quoted: a password may be in it. */
export function urlFault(value: string): string | null {
  if (value.trimEnd() !== value) return 'ends in white space';
  const [, scheme] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value) ?? [];
  if (value.startsWith('/') || scheme?.toLowerCase() === 'file')
    return 'is a place on this host; a folder is read by: relaymap import DIR';
  if (!URL.canParse(value)) return scheme === undefined ? 'lacks https:// at its beginning' : 'is no URL';
  const { protocol, username, password, pathname } = new URL(value);
  if (protocol !== 'https:')
    return scheme === undefined ? 'lacks https:// at its beginning' : `begins with ${protocol}//`;
  if (username !== '' || password !== '') return 'names a user or a password; a token goes into token_file';
  if (/[?#]/.test(value)) return 'has a query or a fragment (from "?" or "#" on); a token goes into token_file';
  if (pathname.endsWith('/manifest.json')) return 'names manifest.json itself; it must name the folder';
  return pathname.endsWith('/') && value.endsWith('/') ? null : 'does not end in "/"';
}

/** Files with what a server asks for, and by which it is known. */
export const credentialFiles = () => ({
  ca_file: z.optional(absolute()),
  client_cert: z.optional(absolute()),
  client_key: z.optional(absolute()),
  token_file: z.optional(absolute()),
});

/** A URL that stands by itself is a table with nothing else in it. */
export const Place = z.pipe(
  z.transform((value: unknown) => (typeof value === 'string' ? { url: value } : value)),
  z.strictObject({ url: url(), ...credentialFiles() }, { error: 'must be a URL, or a table { url = "..." }' }),
);

export type CredentialFiles = Partial<
  Record<'ca_file' | 'client_cert' | 'client_key' | 'token_file', string | undefined>
>;

/** Whether certificate and key are both there, or neither. */
export const hasPairs = ({ client_cert: cert, client_key: key }: CredentialFiles): boolean =>
  (cert === undefined) === (key === undefined);

/**
 * The files for one URL of a bundle. The bundle's own token and certificate go to the origin (scheme, host, port)
 * of its first URL and to no other: whoever runs another mirror has no business with them. Its authority, which is
 * no secret, holds for all that name none.
 */
export function filesFor(
  bundle: CredentialFiles & { readonly urls: readonly string[] },
  place: CredentialFiles & { readonly url: string },
): CredentialFiles {
  const isOwn = new URL(place.url).origin === new URL(bundle.urls[0] ?? place.url).origin;
  const { client_cert, client_key, token_file } = isOwn ? bundle : {};
  const hasPair = place.client_cert !== undefined;
  return {
    ca_file: place.ca_file ?? bundle.ca_file,
    client_cert: hasPair ? place.client_cert : client_cert,
    client_key: hasPair ? place.client_key : client_key,
    token_file: place.token_file ?? token_file,
  };
}
