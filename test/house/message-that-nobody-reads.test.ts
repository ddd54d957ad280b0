// The list of all messages (`npm run messages`) finds each way in which the source makes one.
import { expect, test } from 'vitest';
import { messagesOf } from '../messages/messages.mjs';

test.each([
  [
    "throw new HostError('CONFIG', `${file}: it is ${what.wrong}`, error);",
    'refused with CONFIG',
    '{file}: it is {wrong}',
  ],
  ["throw new PublishError('SOURCE', 'no row came');", 'refused with SOURCE', 'no row came'],
  ["log('warning', `old files stay`);", 'log warning', 'old files stay'],
  ["text: 'Postfix does not run.',", 'check or health', 'Postfix does not run.'],
  [
    "  NETWORK: 'The central side cannot be reached',",
    'what a code usually means NETWORK',
    'The central side cannot be reached',
  ],
])('%s', (line, kind, words) => {
  expect(messagesOf(`${line}\n`)).toEqual([expect.objectContaining({ kind, words })]);
});
