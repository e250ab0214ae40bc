declare const brand: unique symbol;

/** A type that only its own parser or verifier may create (by the one cast that stands there). */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
