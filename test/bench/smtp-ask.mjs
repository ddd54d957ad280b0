// `node smtp-ask.mjs PORT KEYS`: asks an SMTP server for every address of a file, RCPT after RCPT in pipelined
// transactions that are all taken back, and prints `accepted refused` as it counted them. A client for the
// benchmark; connects to 127.0.0.1 only.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

/** Below smtpd_recipient_limit. */
const AT_ONCE = 500;

const [port, file] = process.argv.slice(2);
const keys = readFileSync(file, 'latin1').trim().split('\n');
const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
await once(socket, 'connect');

let rest = '';
let wanted = 0;
let answered = () => undefined;
const counted = { 2: 0, 4: 0, 5: 0 };
socket.setEncoding('latin1').on('data', (text) => {
  const lines = (rest + text).split('\r\n');
  rest = lines.pop();
  for (const line of lines) {
    if (line[3] === '-') continue;
    counted[line[0]]++;
    if (--wanted === 0) answered();
  }
});

async function say(lines, replies) {
  wanted += replies;
  const all = new Promise((resolve) => (answered = resolve));
  if (lines.length > 0) socket.write(`${lines.join('\r\n')}\r\n`);
  await all;
}

await say([], 1);
await say(['EHLO client.test.invalid'], 1);
counted[2] = 0;
for (let from = 0; from < keys.length; from += AT_ONCE) {
  const some = keys.slice(from, from + AT_ONCE).map((key) => `RCPT TO:<${key}>`);
  await say(['MAIL FROM:<stranger@sender.invalid>', ...some, 'RSET'], some.length + 2);
  counted[2] -= 2;
}
process.stdout.write(`${counted[2]} ${counted[4] + counted[5]}\n`);
socket.end('QUIT\r\n');
