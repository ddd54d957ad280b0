/**
 * Unicode 15.0's CaseFolding, statuses C and F, beyond ASCII: 1504 code points. Made by packaging/case-folding.mjs;
 * not to be edited. Numbers are in base 36. Derived from CaseFolding-15.0.0.txt, © 2022 Unicode, Inc.,
 * https://www.unicode.org/license.txt
 */

/**
 * `gap.count.step.delta`: `count` code points `step` apart, the first `gap` after the last one of the run
 * before, move by `delta`.
 */
export const RUNS =
  '51.1.1.lj b.n.1.w 2.7.1.w y.o.2.1 4.3.2.1 3.8.2.1 3.n.2.1 2.1.1.-3d 1.3.2.1 2.1.1.-7g 2.1.1.5u 1.2.2.1 ' +
  '2.1.1.5q 1.1.1.1 2.2.1.5p 1.1.1.1 3.1.1.27 1.1.1.5m 1.1.1.5n 1.1.1.1 2.1.1.5p 1.1.1.5r 2.1.1.5v 1.1.1.5t ' +
  '1.1.1.1 4.1.1.5v 1.1.1.5x 2.1.1.5y 1.3.2.1 2.1.1.62 1.1.1.1 2.1.1.62 3.1.1.1 2.1.1.62 1.1.1.1 2.2.1.61 ' +
  '1.2.2.1 2.1.1.63 1.1.1.1 4.1.1.1 8.1.1.2 1.1.1.1 2.1.1.2 1.1.1.1 2.1.1.2 1.9.2.1 3.9.2.1 3.1.1.2 1.2.2.1 ' +
  '2.1.1.-2p 1.1.1.-1k 1.k.2.1 2.1.1.-3m 2.9.2.1 8.1.1.8bv 1.1.1.1 2.1.1.-4j 1.1.1.8bs 3.1.1.1 2.1.1.-5f ' +
  '1.1.1.1x 1.1.1.1z 1.5.2.1 6v.1.1.38 17.2.2.1 4.1.1.1 9.1.1.38 7.1.1.12 2.3.1.11 2.1.1.1s 2.2.1.1r 2.h.1.w ' +
  '2.9.1.w n.1.1.1 d.1.1.8 1.1.1.-u 1.1.1.-p 4.1.1.-f 1.1.1.-m 2.c.2.1 2.1.1.-1i 1.1.1.-1c 3.1.1.-1o 1.1.1.-1s ' +
  '2.1.1.1 2.1.1.-7 1.1.1.1 3.3.1.-3m 1.g.1.28 1.w.1.w 1d.h.2.1 a.r.2.1 2.1.1.f 1.7.2.1 3.1c.2.1 3.12.1.1c ' +
  '28a.12.1.5ls 2.1.1.5ls 6.1.1.5ls mj.6.1.-8 1oj.1.1.-4su 1.1.1.-4st 1.1.1.-4sk 1.2.1.-4si 1.1.1.-4sj ' +
  '1.1.1.-4sc 1.1.1.-4ro 1.1.1.r7n 8.17.1.-2bk 3.3.1.-2bk 8x.23.2.1 7.1.1.-1m 5.1c.2.1 a.8.1.-8 9.6.1.-8 ' +
  'b.8.1.-8 9.8.1.-8 9.6.1.-8 c.4.2.-8 9.8.1.-8 21.2.1.-8 1.2.1.-22 3.1.1.-5j9 a.4.1.-2e d.2.1.-8 1.2.1.-2s ' +
  'd.2.1.-8 1.2.1.-34 1.1.1.-7 c.2.1.-3k 1.2.1.-3i 8b.1.1.-5st 4.1.1.-6gv 1.1.1.-6di 7.1.1.s 1a.g.1.g k.1.1.1 ' +
  'mr.q.1.q 1f5.1c.1.1c 1d.1.1.1 2.1.1.-8af 1.1.1.-2xy 1.1.1.-89z 3.3.2.1 2.1.1.-8bg 1.1.1.-8al 1.1.1.-8bj ' +
  '1.1.1.-8bi 2.1.1.1 3.1.1.1 9.2.1.-8cf 1.1e.2.1 9.2.2.1 5.1.1.1 nym.n.2.1 k.e.2.1 3s.7.2.1 4.v.2.1 b.2.2.1 ' +
  '2.1.1.-r9g 1.5.2.1 5.1.1.1 2.1.1.-wmg 3.2.2.1 4.a.2.1 2.1.1.-wn8 1.1.1.-wnj 1.1.1.-wnf 1.1.1.-wn5 1.1.1.-wn8 ' +
  '2.1.1.-wlu 1.1.1.-wmi 1.1.1.-wlx 1.1.1.ps 1.8.2.1 2.1.1.-1c 1.1.1.-wn7 1.1.1.-raw 1.2.2.1 7.1.1.1 6.2.2.1 ' +
  't.1.1.1 or.28.1.-tzk ggy.q.1.w xy.14.1.14 3t.10.1.14 4d.b.1.13 2.f.1.13 2.7.1.13 2.2.1.13 1d7.1f.1.1s ' +
  '2cu.w.1.w gw1.w.1.w o81.y.1.y';

/** `from.to.to`: one code point that becomes two or three. */
export const EXPANSIONS =
  '67.37.37 8g.2x.lj 95.jg.32 ds.2y.lo pc.qh.lk.ld q8.qt.lk.ld 13b.12d.136 61i.2w.mp 61j.38.lk 61k.3b.lm ' +
  '61l.3d.lm 61m.2p.ji 61q.37.37 66o.qt.lv 66q.qt.lv.lc 66s.qt.lv.ld 66u.qt.lv.n6 680.64g.qh 681.64h.qh ' +
  '682.64i.qh 683.64j.qh 684.64k.qh 685.64l.qh 686.64m.qh 687.64n.qh 688.64g.qh 689.64h.qh 68a.64i.qh 68b.64j.qh ' +
  '68c.64k.qh 68d.64l.qh 68e.64m.qh 68f.64n.qh 68g.65c.qh 68h.65d.qh 68i.65e.qh 68j.65f.qh 68k.65g.qh 68l.65h.qh ' +
  '68m.65i.qh 68n.65j.qh 68o.65c.qh 68p.65d.qh 68q.65e.qh 68r.65f.qh 68s.65g.qh 68t.65h.qh 68u.65i.qh 68v.65j.qh ' +
  '68w.674.qh 68x.675.qh 68y.676.qh 68z.677.qh 690.678.qh 691.679.qh 692.67a.qh 693.67b.qh 694.674.qh 695.675.qh ' +
  '696.676.qh 697.677.qh 698.678.qh 699.679.qh 69a.67a.qh 69b.67b.qh 69e.67k.qh 69f.q9.qh 69g.q4.qh 69i.q9.n6 ' +
  '69j.q9.n6.qh 69o.q9.qh 69u.67o.qh 69v.qf.qh 69w.q6.qh 69y.qf.n6 69z.qf.n6.qh 6a4.qf.qh 6aa.qh.lk.lc ' +
  '6ab.qh.lk.ld 6ae.qh.n6 6af.qh.lk.n6 6aq.qt.lk.lc 6ar.qt.lk.ld 6as.qp.lv 6au.qt.n6 6av.qt.lk.n6 6b6.67w.qh ' +
  '6b7.qx.qh 6b8.r2.qh 6ba.qx.n6 6bb.qx.n6.qh 6bg.qx.qh 1dkw.2u.2u 1dkx.2u.2x 1dky.2u.30 1dkz.2u.2u.2x ' +
  '1dl0.2u.2u.30 1dl1.37.38 1dl2.37.38 1dlf.12s.12u 1dlg.12s.12d 1dlh.12s.12j 1dli.132.12u 1dlj.12s.12l';
