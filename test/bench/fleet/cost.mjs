// What a month of a fleet costs at list prices, by the bytes and requests that were measured. Pure. US dollars,
// without taxes, free allowances and discounts; a month has 30 days.

const MILLION = 1e6;
const GB = 1e9;

/**
 * List prices by the million requests and by the GB sent, in tiers of `[GB up to, price]`. Where the provider prices by
 * region it is North America. `check`: what asks for the token before the cache answers.
 */
export const PRICES = {
  'Amazon S3, gateways ask the bucket': {
    requests: 0.4,
    sent: [
      [10_240, 0.09],
      [51_200, 0.085],
      [153_600, 0.07],
      [Infinity, 0.05],
    ],
  },
  'Amazon CloudFront before S3, a function asks for the token': {
    requests: 1.0,
    check: 0.1,
    bucket: 0.4,
    sent: [
      [10_240, 0.085],
      [51_200, 0.08],
      [153_600, 0.06],
      [512_000, 0.04],
      [1_048_576, 0.03],
      [Infinity, 0.02],
    ],
  },
  'Cloudflare R2, gateways ask the bucket': { requests: 0.36, sent: [[Infinity, 0]] },
  'Cloudflare R2 and its cache, a Worker asks for the token': { requests: 0.3, bucket: 0.36, sent: [[Infinity, 0]] },
};

/** Dollars for so many GB in tiers. */
export function tiered(tiers, gb) {
  let [dollars, from] = [0, 0];
  for (const [upTo, price] of tiers) {
    dollars += Math.max(0, Math.min(gb, upTo) - from) * price;
    from = upTo;
  }
  return dollars;
}

/**
 * A month of `gateways`.
 * @param each `{ unchanged, changed }`: bytes that a gateway receives with a poll.
 * @param edge `{ manifest, blobs }`: requests that one cache sends to the bucket, in a minute at most, and for a
 * version.
 * @param play polls a day, versions a day, and how many caches there are.
 */
export function month(gateways, each, edge, { polls, versions, edges }) {
  const days = 30;
  const requests = gateways * days * (polls + versions);
  const sent = (gateways * days * ((polls - versions) * each.unchanged + versions * each.changed)) / GB;
  // A cache with few gateways is asked less often than its copy lasts.
  const aMinute = Math.min(edge.manifest, (gateways * polls) / 1440 / edges);
  const bucket = edges * days * (1440 * aMinute + versions * edge.blobs);
  const dollars = Object.entries(PRICES).map(([name, price]) => {
    const atBucket = ((price.bucket ?? 0) * Math.min(bucket, requests)) / MILLION;
    const all = ((price.requests + (price.check ?? 0)) * requests) / MILLION + atBucket + tiered(price.sent, sent);
    return [name, Math.round(all)];
  });
  return { requests, sentGB: Math.round(sent), bucket: Math.round(bucket), dollars: Object.fromEntries(dollars) };
}
