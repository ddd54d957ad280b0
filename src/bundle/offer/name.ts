/**
 * The form of a bundle's name (format section 3); apart, since it is all that a start-up needs of the manifest.
 * Pure.
 */
export const NAME = /^[a-z0-9][a-z0-9.-]{0,63}$/;
