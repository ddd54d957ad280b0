import type { CommandModel } from './command-model.mjs';

export function bash(model: CommandModel): string;
export function zsh(model: CommandModel): string;
export function fish(model: CommandModel): string;
