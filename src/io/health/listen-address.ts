/** Host and port of `health.listen`; null unless it looks like `127.0.0.1:9618` or `[::1]:9618`. */
export function listenAddress(listen: string): { readonly host: string; readonly port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):([0-9]{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  return match === null || port > 65_535 ? null : { host: match[1] ?? match[2] ?? '', port };
}
