// An SMTP server on loopback that takes all mail and writes each recipient into a file, `sink-ADDRESS:PORT` in a
// folder. Arguments: the folder, and addresses with their ports: 127.0.0.1:2525.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:net';

const [, , folder, ...places] = process.argv;

const serve = (socket, file) => {
  let [rest, isData] = ['', false];
  socket.on('error', () => undefined).write('220 sink.test.invalid\r\n');
  socket.setEncoding('latin1').on('data', (chunk) => {
    const lines = (rest + chunk).split('\r\n');
    rest = lines.pop();
    for (const line of lines) {
      if (isData && line !== '.') continue;
      isData = /^DATA$/i.test(line);
      const to = /^RCPT TO:<([^>]*)>/i.exec(line)?.[1];
      if (to !== undefined) appendFileSync(file, `${to}\n`);
      socket.write(isData ? '354 go on\r\n' : /^QUIT$/i.test(line) ? '221 bye\r\n' : '250 ok\r\n');
    }
  });
};

let ready = 0;
for (const place of places) {
  const at = place.lastIndexOf(':');
  const [host, port] = [place.slice(0, at), Number(place.slice(at + 1))];
  createServer((socket) => serve(socket, `${folder}/sink-${place}`)).listen(port, host, () => {
    ready++;
    if (ready === places.length) process.stdout.write('ready\n');
  });
}
