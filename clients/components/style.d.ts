/** The style of a component, which the bundler puts here (clients/typescript/bundle.js). */
declare const STYLE: string;
