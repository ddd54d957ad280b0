# @summary Installs relaymap, configures it, and has Postfix use its maps once there are some.
#
# @param bundles         the lists to follow, by name
# @param absent          lists that were followed once: their keys, tokens and certificates are removed
# @param package_ensure  as of the resource `package`
# @param package_source  a .deb on this host, where no repository has the package
# @param settings        further tables of relaymap.toml: { 'schedule' => { 'jitter' => '10s' }, 'health' => { ... } }
# @param manage_postfix  whether main.cf is changed: relay_recipient_maps, relay_domains, and with { 'stale' => { ... } }
#                        among the settings smtpd_recipient_restrictions
#
# @example
#   class { 'relaymap':
#     bundles => {
#       'example-org' => {
#         urls     => ['https://mx-central.example.org:8443/'],
#         keys     => { 'example-org' => file('profile/example-org.pub') },
#         domains  => ['example.org', '*.example.org'],
#         required => ['postmaster@example.org'],
#         token    => Sensitive('...'),
#       },
#     },
#   }
class relaymap (
  Hash[Pattern[/\A[a-z0-9][a-z0-9.-]{0,63}\z/], Relaymap::Bundle, 1] $bundles,
  Array[Pattern[/\A[a-z0-9][a-z0-9.-]{0,63}\z/]] $absent = [],
  String[1] $package_ensure = 'installed',
  Optional[Pattern[/\A\//]] $package_source = undef,
  Hash[Enum['schedule', 'limits', 'maps', 'health', 'stale'], Hash[String[1], Data]] $settings = {},
  Boolean $manage_postfix = true,
) {
  package { 'postfix-cdb':
    ensure => installed,
  }
  if $package_source {
    package { 'relaymap':
      ensure   => $package_ensure,
      provider => 'dpkg',
      source   => $package_source,
    }
  } else {
    package { 'relaymap':
      ensure => $package_ensure,
    }
  }

  file { ['/etc/relaymap', '/etc/relaymap/keys']:
    ensure  => directory,
    mode    => '0755',
    require => Package['relaymap'],
  }
  $bundles.each |$name, $bundle| {
    # Whatever key is not named here is not trusted any more.
    file { "/etc/relaymap/keys/${name}":
      ensure  => directory,
      mode    => '0755',
      purge   => true,
      recurse => true,
    }
    $bundle['keys'].each |$key, $pem| {
      file { "/etc/relaymap/keys/${name}/${key}.pub":
        content => $pem,
        mode    => '0644',
        before  => File['/etc/relaymap/relaymap.toml'],
        notify  => Service['relaymap'],
      }
    }
    if $bundle['ca'] {
      file { "/etc/relaymap/${name}.ca.pem":
        content => $bundle['ca'],
        mode    => '0644',
        before  => File['/etc/relaymap/relaymap.toml'],
        notify  => Service['relaymap'],
      }
    }
    if $bundle['token'] {
      file { "/etc/relaymap/${name}.token":
        content   => $bundle['token'],
        group     => 'relaymap',
        mode      => '0640',
        show_diff => false,
        before    => File['/etc/relaymap/relaymap.toml'],
        notify    => Service['relaymap'],
      }
    }
  }
  $absent.each |$name| {
    if $name in $bundles {
      fail("relaymap: ${name} is among both bundles and absent")
    }
    # relaymap is told first: a list that it follows never lacks its keys.
    file { ["/etc/relaymap/keys/${name}", "/etc/relaymap/${name}.token", "/etc/relaymap/${name}.ca.pem"]:
      ensure  => absent,
      force   => true,
      require => Service['relaymap'],
    }
  }
  file { '/etc/relaymap/relaymap.toml':
    content => epp('relaymap/relaymap.toml.epp', { 'bundles' => $bundles, 'settings' => $settings }),
    mode    => '0644',
    notify  => Service['relaymap'],
  }
  service { 'relaymap':
    ensure  => running,
    enable  => true,
    # It reads configuration, keys and secrets again; a wrong one is refused and the old one goes on.
    restart => '/usr/bin/systemctl reload relaymap.service',
  }

  if $manage_postfix {
    $path = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']
    # Postfix is told only when there is a list: before, it would defer all mail of its relay domains.
    exec { 'relaymap: the first list':
      command   => 'test -e /var/lib/relaymap/maps/relay_recipients.cdb',
      unless    => 'test -e /var/lib/relaymap/maps/relay_recipients.cdb',
      tries     => 30,
      try_sleep => 1,
      path      => $path,
      require   => Service['relaymap'],
    }
    ['relay_recipient_maps=relay_recipients', 'relay_domains=relay_domains'].each |$pair| {
      [$parameter, $map] = $pair.split('=')
      $value = "cdb:/var/lib/relaymap/maps/${map}"
      exec { "relaymap: ${parameter}":
        command => "postconf -e '${parameter} = ${value}'",
        unless  => "postconf -h ${parameter} | grep -qxF '${value}'",
        path    => $path,
        require => [Exec['relaymap: the first list'], Package['postfix-cdb']],
        notify  => Exec['relaymap: postfix reload'],
      }
    }
    if 'stale' in $settings {
      $asks_stale = 'postconf -h smtpd_recipient_restrictions | grep -q maps/stale_domains'
      # Without its file Postfix would defer all mail.
      exec { 'relaymap: stale_domains':
        command => 'relaymap stale',
        creates => '/var/lib/relaymap/maps/stale_domains.cdb',
        path    => $path,
        require => Service['relaymap'],
      }
      # `check` knows its place among the restrictions that are there, and prints the line.
      $line = "sed -n \"s/^ *\\(postconf -e 'smtpd_recipient_restrictions = .*\\)/\\1/p\""
      exec { 'relaymap: smtpd_recipient_restrictions':
        command => "relaymap check | ${line} | sh && ${asks_stale}",
        unless  => $asks_stale,
        path    => $path,
        require => Exec['relaymap: stale_domains', 'relaymap: relay_recipient_maps', 'relaymap: relay_domains'],
        notify  => Exec['relaymap: postfix reload'],
      }
    }
    exec { 'relaymap: postfix reload':
      command     => 'postfix reload',
      onlyif      => 'postfix status',
      refreshonly => true,
      path        => $path,
    }
  }
}
