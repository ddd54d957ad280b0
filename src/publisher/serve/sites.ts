/**
 * What the embedded endpoint serves, and to whom: the configuration's published folder, or one folder for each
 * `[[serve.site]]`. Reads the tokens and client CAs that the sites name.
 */
import { X509Certificate } from 'node:crypto';
import { HostError } from '../../errors.ts';
import type { PublisherConfig } from '../config.ts';
import { isS3 } from '../repository/s3/location.ts';
import { readAuthority } from '../sources/secret.ts';
import { readToken } from './token.ts';
import { TokenFolder } from './token-folder.ts';

export type ServeConfig = NonNullable<PublisherConfig['serve']>;

export interface Site {
  /** With a slash at both ends. */
  readonly path: string;
  /** The folder of the published files. */
  readonly root: string;
  /** The digest of a token that all readers share; null for none. */
  readonly token: Buffer | null;
  /** Tokens by name; null for none. Without this and `token` none is required. */
  readonly tokens: TokenFolder | null;
  /** The CAs whose client certificates are accepted; null if none is required. */
  readonly authorities: readonly X509Certificate[] | null;
}

type Admission = Pick<ServeConfig, 'client_ca' | 'token_file' | 'tokens' | 'public'>;

/** @throws HostError CONFIG */
export function readSites(output: string, serve: ServeConfig): Site[] {
  const sites = serve.site.map(({ path, output: root, ...admission }, i) => {
    if (serve.site.findIndex((other) => other.path === path) !== i)
      throw new HostError('CONFIG', `serve.site: two sites have the path ${path}`);
    return readSite(`serve.site.${i}`, path, root, admission);
  });
  // With sites, the top needs no folder of its own. Without sites, it is the only one.
  const isTop = sites.length === 0 || isAdmitted(serve);
  if (isTop && isS3(output)) {
    const goOn = 'let a web server or a CDN hand the bucket out, or name folders in [[serve.site]]';
    throw new HostError('CONFIG', `serve hands out folders, and output is ${output}: ${goOn}`);
  }
  const top = isTop ? [readSite('serve', '/', output, serve)] : [];
  return [...sites, ...top].sort((a, b) => b.path.length - a.path.length);
}

/** The site that a path belongs to, and the path inside it. The longest site path wins. */
export function siteOf(sites: readonly Site[], path: string): { readonly site: Site; readonly path: string } | null {
  const site = sites.find((each) => path.startsWith(each.path));
  return site === undefined ? null : { site, path: path.slice(site.path.length - 1) };
}

const isAdmitted = ({ client_ca: ca, token_file: token, tokens, public: open }: Admission): boolean =>
  ca !== undefined || token !== undefined || tokens !== undefined || open;

function readSite(where: string, path: string, root: string, admission: Admission): Site {
  const { client_ca: ca, token_file: token, tokens } = admission;
  if (!isAdmitted(admission)) {
    throw new HostError(
      'CONFIG',
      `${where}: anyone could read every address; set tokens, token_file or client_ca, or say public = true`,
    );
  }
  return {
    path,
    root,
    token: token === undefined ? null : readToken(`${where}.token_file`, token),
    tokens: tokens === undefined ? null : new TokenFolder(`${where}.tokens`, tokens),
    authorities: ca === undefined ? null : readAuthorities(`${where}.client_ca`, ca),
  };
}

function readAuthorities(option: string, file: string): X509Certificate[] {
  const blocks = readAuthority(file, option).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw new HostError('CONFIG', `${option} ${file} holds a certificate that cannot be read`, error);
  }
}
