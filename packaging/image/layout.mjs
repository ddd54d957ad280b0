// An image as one tar: an OCI image layout (image-spec 1.1), and beside it the manifest.json by which older runtimes
// load a saved image. Sorted names, one time, owner root: the same layer gives the same bytes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

async function digestOf(file) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}

/**
 * @param image name, entrypoint and configuration
 * @param layer the tar of its root file system; it is removed
 * @returns the digest of the manifest
 */
export async function layout(image, { layer, target, version, seconds, architecture }) {
  const work = `${target}.unfinished`;
  rmSync(work, { recursive: true, force: true });
  const blobs = path.join(work, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const at = new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  const plain = await digestOf(layer);
  await pipeline(createReadStream(layer), createGzip({ level: 6 }), createWriteStream(path.join(work, 'layer')));
  rmSync(layer);
  const packed = await digestOf(path.join(work, 'layer'));
  const { size } = statSync(path.join(work, 'layer'));
  renameSync(path.join(work, 'layer'), path.join(blobs, packed));
  const put = (value) => {
    const text = Buffer.from(JSON.stringify(value));
    const sha256 = createHash('sha256').update(text).digest('hex');
    writeFileSync(path.join(blobs, sha256), text);
    return { digest: `sha256:${sha256}`, size: text.length };
  };
  const labels = {
    'org.opencontainers.image.title': image.name,
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.description': image.description,
  };
  const config = put({
    created: at,
    architecture,
    os: 'linux',
    config: { ...image.config, Labels: labels },
    rootfs: { type: 'layers', diff_ids: [`sha256:${plain}`] },
    history: [{ created: at, created_by: 'npm run image', comment: 'Debian and relaymap' }],
  });
  const manifest = put({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: `sha256:${packed}`, size }],
    annotations: labels,
  });
  const tag = `localhost/${image.name}:${version.replace(/[^A-Za-z0-9_.-]/g, '-')}`;
  const entry = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    ...manifest,
    platform: { architecture, os: 'linux' },
    annotations: { 'io.containerd.image.name': tag, 'org.opencontainers.image.ref.name': version },
  };
  const blob = (digest) => `blobs/sha256/${digest.replace('sha256:', '')}`;
  writeFileSync(path.join(work, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(
    path.join(work, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [entry] }),
  );
  writeFileSync(
    path.join(work, 'manifest.json'),
    JSON.stringify([{ Config: blob(config.digest), RepoTags: [tag], Layers: [blob(packed)] }]),
  );
  const sorted = [
    '--sort=name',
    `--mtime=@${seconds}`,
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=u=rwX,go=rX',
  ];
  execFileSync('tar', [
    '--format=ustar',
    ...sorted,
    '-C',
    work,
    '-cf',
    target,
    'blobs',
    'index.json',
    'manifest.json',
    'oci-layout',
  ]);
  rmSync(work, { recursive: true });
  return { digest: manifest.digest, tag, bytes: readFileSync(target).length };
}
