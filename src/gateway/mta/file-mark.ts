/** A text that is another one when one of these files has been changed: by size, time and inode. Looks only. */
import { statSync } from 'node:fs';

export const fileMark = (files: readonly string[]): string =>
  files
    .map((file) => {
      try {
        const { size, mtimeMs, ino } = statSync(file);
        return `${size} ${mtimeMs} ${ino}`;
      } catch {
        return 'none'; // not there, or not for this user's eyes
      }
    })
    .join(', ');
