export const made: string;
export function compile(): Promise<string>;
