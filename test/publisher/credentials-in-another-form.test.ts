// Tools of object stores write credentials in many forms: each is understood, and what is none is refused.
import { expect, test } from 'vitest';
import { parseCredentials } from '../../src/publisher/repository/s3/credentials-text.ts';

const [id, secret] = ['AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY='];
const pair = { accessKeyId: id, secretAccessKey: secret };

test.each<[string, string]>([
  ['AWS', `[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`],
  [
    'AWS, with a mark and Windows lines',
    `\uFEFF[default]\r\naws_access_key_id=${id}\r\naws_secret_access_key=${secret}\r\n`,
  ],
  [
    'AWS, with comments',
    `# of the store\n[default]\naws_access_key_id = ${id} # of 2026\n; next\naws_secret_access_key = ${secret} ; rotate\n`,
  ],
  ['AWS, one section of another name', `[backup]\naws_access_key_id=${id}\naws_secret_access_key=${secret}`],
  [
    'AWS, [default] among others',
    `[x]\naws_access_key_id=o\naws_secret_access_key=o\n[default]\naws_access_key_id=${id}\naws_secret_access_key=${secret}`,
  ],
  ['s3cmd', `[default]\naccess_key = ${id}\nsecret_key = ${secret}\nhost_base = s3.example.net\n`],
  ['rclone', `[store]\ntype = s3\nprovider = Ceph\naccess_key_id = ${id}\nsecret_access_key = ${secret}\n`],
  ['s3fs', `${id}:${secret}\n`],
  ['variables', `# of the store\nexport AWS_ACCESS_KEY_ID="${id}"\nexport AWS_SECRET_ACCESS_KEY='${secret}'\n`],
  ['CSV of the console', `Access key ID,Secret access key\n${id},${secret}\n`],
  ['CSV of the console, with the user', `User name,Access key ID,Secret access key\r\nbackup,${id},${secret}\r\n`],
  ['JSON', JSON.stringify(pair)],
  [
    'JSON of create-access-key',
    JSON.stringify({ AccessKey: { UserName: 'u', AccessKeyId: id, SecretAccessKey: secret } }),
  ],
  [
    'JSON of radosgw-admin',
    JSON.stringify({ user_id: 'u', keys: [{ user: 'u', access_key: id, secret_key: secret }] }),
  ],
])('%s', (_, text) => {
  expect(parseCredentials(text, null)).toEqual(pair);
});

test('credentials that hold for some hours have a token', () => {
  const ini = `[default]\naws_access_key_id=${id}\naws_secret_access_key=${secret}\naws_session_token=T0ken\n`;
  expect(parseCredentials(ini, null)).toEqual({ ...pair, sessionToken: 'T0ken' });
  const json = { Code: 'Success', Type: 'AWS-HMAC', AccessKeyId: id, SecretAccessKey: secret, Token: 'T0ken' };
  expect(parseCredentials(JSON.stringify(json), null)).toEqual({ ...pair, sessionToken: 'T0ken' });
});

test('the section that is asked for counts, and no other', () => {
  const ini = `[default]\naws_access_key_id=o\naws_secret_access_key=o\n[profile list]\naws_access_key_id=${id}\naws_secret_access_key=${secret}\n`;
  expect(parseCredentials(ini, 'list')).toEqual(pair);
  expect(parseCredentials(ini, 'other')).toBeNull();
});

test.each<[string, string]>([
  ['nothing', ''],
  ['a key without its secret', `[default]\naws_access_key_id = ${id}\n`],
  ['an empty secret', `[default]\naws_access_key_id = ${id}\naws_secret_access_key =\n`],
  [
    'two sections, none of them the default',
    `[a]\naws_access_key_id=1\naws_secret_access_key=1\n[b]\naws_access_key_id=2\naws_secret_access_key=2`,
  ],
  ['two users in one CSV', `Access key ID,Secret access key\na,b\nc,d\n`],
  ['a secret with a line break in it', JSON.stringify({ ...pair, secretAccessKey: 'a\nb' })],
  ['a page', '<html><body>Sign in</body></html>'],
])('%s is no credentials', (_, text) => {
  expect(parseCredentials(text, null)).toBeNull();
});
