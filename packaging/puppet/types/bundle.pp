# One list that a gateway follows: [[bundle]] of relaymap.toml(5). `keys` holds public keys (PEM) by name; `token` and `client_key` are
# secrets and go to files of their own.
type Relaymap::Bundle = Struct[{
    urls               => Array[Pattern[/\Ahttps:\/\/.*\/\z/], 1],
    keys               => Hash[Pattern[/\A[A-Za-z0-9][A-Za-z0-9._-]*\z/], String[1], 1],
    Optional[domains]  => Array[String[1], 1],
    Optional[next_hops] => Array[String[1], 1],
    Optional[required] => Array[String[1]],
    Optional[threshold] => Integer[1, 16],
    Optional[max_shrink_percent] => Integer[0, 100],
    Optional[ca]       => String[1],
    Optional[token]    => Variant[String[1], Sensitive[String[1]]],
}]
