/** How postconf is told to change parameters of main.cf, and of a service in master.cf (`relay/unix/NAME`). */

/** Whether it is one of master.cf: a name of main.cf has no slash. */
export const isOfService = (name: string): boolean => name.includes('/');

/** The option and the argument that set it. */
export const setArguments = (name: string, value: string): readonly [string, string] =>
  isOfService(name) ? ['-P', `${name}=${value}`] : ['-e', `${name} = ${value}`];

/** The option that takes it out. */
export const unsetOption = (name: string): string => (isOfService(name) ? '-PX' : '-X');

/** Arguments of one call each, those of master.cf first: a parameter that it names and main.cf lacks is empty. */
export function calls(all: readonly (readonly [string, string])[]): string[][] {
  const options = [...new Set(all.map(([option]) => option))].sort(
    (a, b) => Number(a[1] !== 'P') - Number(b[1] !== 'P'),
  );
  return options.map((option) => [option, ...all.flatMap(([own, argument]) => (own === option ? [argument] : []))]);
}
