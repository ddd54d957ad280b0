/** The replies of an SMTP server out of what it has written. Pure. */
import type { RcptAnswer } from './advisor.ts';

/** Each reply with the text of its last line; what stands between replies is passed over. */
export function smtpReplies(output: string): RcptAnswer[] {
  return output.split(/\r?\n/).flatMap((line) => {
    const [, code, text = ''] = /^(\d{3})(?: (.*))?$/.exec(line) ?? [];
    return code === undefined ? [] : [{ code: Number(code), text }];
  });
}

/** The path of RCPT: quoted where RFC 5321 wants it. Null for what no command can say. */
export function rcptPath(address: string): string | null {
  const at = address.lastIndexOf('@');
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  if (at <= 0 || /[\u0000-\u001f\u007f]/.test(address) || /[\s<>@]/.test(domain) || domain === '') return null;
  const isDotString = /^[^ "(),:;<>@[\\\]]+$/.test(local) && !/^\.|\.\.|\.$/.test(local);
  return isDotString ? address : `"${local.replace(/["\\]/g, '\\$&')}"@${domain}`;
}
