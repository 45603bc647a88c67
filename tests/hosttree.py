"""The tree of a well kept Debian host, and of an openEuler one, as files: what collectors read where no host runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.baseline.facts.root import Batch, Entry, Notes, Root

DAY = 20_000  # of the last change of a password; tests that look at ages set the clock by it

PAM_COMMON = """\
auth required pam_faillock.so preauth
auth [success=2 default=ignore] pam_unix.so
auth [default=die] pam_faillock.so authfail
auth requisite pam_deny.so
account required pam_unix.so
session required pam_unix.so
"""
PASSWORDS = """\
password requisite pam_pwquality.so retry=3
password required pam_pwhistory.so remember=5 use_authtok
password [success=1 default=ignore] pam_unix.so obscure use_authtok yescrypt
"""
SSHD = """\
# managed
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin yes
UsePAM yes
Banner /etc/issue.net
Subsystem sftp /usr/lib/openssh/sftp-server
Match User backup
    X11Forwarding no
"""
SSHD_HARD = """\
PermitRootLogin no
MaxAuthTries 3
LoginGraceTime 1m
ClientAliveInterval 5m
ClientAliveCountMax 2
Ciphers aes256-gcm@openssh.com,aes256-ctr
MACs hmac-sha2-256-etm@openssh.com
KexAlgorithms curve25519-sha256
HostKeyAlgorithms ssh-ed25519,rsa-sha2-512
AllowGroups ssh-admins
AllowTcpForwarding no
AuthenticationMethods publickey,password
PermitTunnel no
"""
AUDIT = """\
-D
-b 8192
-w /etc/passwd -p wa -k identity
-w /etc/shadow -p wa -k identity
-w /etc/group -p wa -k identity
-w /etc/sudoers -p wa -k scope
-w /var/log/lastlog -p wa -k logins
-a always,exit -F arch=b64 -S adjtimex,settimeofday,clock_settime -k time
-a always,exit -F arch=b64 -S init_module,finit_module -S delete_module -k modules
-a always,exit -F arch=b64 -S unlinkat,renameat -F auid>=1000 -k delete
-a always,exit -F arch=b64 -S fchmodat,fchownat -k perm
-a always,exit -F arch=b64 -S mount -k mounts
"""
SYSCTL = """\
kernel.randomize_va_space = 2
fs.suid_dumpable = 0
net/ipv4/conf/all/accept_redirects = 0
-net.ipv4.conf.default.accept_redirects = 0
"""
STATUS = """\
Package: bash
Status: install ok installed
Version: 5.2.15-2

Package: openssl
Status: install ok installed
Version: 3.0.17-1~deb12u2

Package: gone
Status: deinstall ok config-files
Version: 1.0
"""
LIST = "Package: openssl\nVersion: 3.0.17-1~deb12u2\n\nPackage: other\nVersion: 9\n"
UNIT = "[Service]\nExecStart=/bin/true\n"

DEBIAN: dict[str, str] = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian"\n',
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
    "li:x:1000:1000::/home/li:/bin/bash\n",
    "etc/shadow": f"root:*:{DAY}:0:99999:7:::\ndaemon:*:{DAY}:0:99999:7:::\nli:$y$j9T$s$h:{DAY}:1:60:7:30::\n",
    "etc/group": "root:x:0:\ndaemon:x:1:\nshadow:x:42:\nli:x:1000:\nsudo:x:27:li\ndocker:x:998:\n",
    "etc/gshadow": "root:*::\nli:!::\nsudo:*::li\n",
    "etc/sudoers": "Defaults use_pty, \\\n  env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
    "etc/sudoers.d/admins": "%sudo ALL=(ALL:ALL) ALL\n",
    "etc/sudoers.d/left.out": "li ALL=(ALL) NOPASSWD: ALL\n",
    "usr/bin/sudo": "",
    "etc/pam.d/common-auth": PAM_COMMON,
    "etc/pam.d/common-password": PASSWORDS,
    "etc/pam.d/login": "@include common-auth\n",
    "etc/pam.d/sshd": "@include common-auth\n@include common-password\n",
    "etc/pam.d/passwd": "@include common-password\n",
    "etc/pam.d/su": "auth sufficient pam_rootok.so\nauth required pam_wheel.so use_uid group=sudo\n",
    "etc/security/faillock.conf": "deny = 5\nunlock_time = 900\neven_deny_root\n",
    "etc/security/pwquality.conf": "minlen = 10\nminclass = 3\nenforce_for_root\n",
    "etc/login.defs": "PASS_MAX_DAYS\t90\nPASS_MIN_DAYS 1\nPASS_WARN_AGE 7\nUMASK 027\nENCRYPT_METHOD YESCRYPT\n",
    "etc/default/useradd": "SHELL=/bin/sh\nINACTIVE=30\n",
    "etc/profile": "# umask 022\numask 027\n",
    "etc/profile.d/tmout.sh": "readonly TMOUT=600\nexport TMOUT\n",
    "etc/issue": "Authorised use only.\n",
    "etc/issue.net": "Authorised use only.\n",
    "usr/sbin/sshd": "",
    "etc/ssh/sshd_config": SSHD,
    "etc/ssh/sshd_config.d/50-hard.conf": SSHD_HARD,
    "etc/ssh/ssh_host_ed25519_key": "x",
    "etc/ssh/ssh_host_ed25519_key.pub": "x",
    "etc/sysctl.d/60-guardian.conf": SYSCTL,
    "usr/lib/sysctl.d/60-guardian.conf": "kernel.randomize_va_space = 0\n",
    "etc/modprobe.d/guardian.conf": "".join(
        f"install {name} /bin/false\nblacklist {name}\n" for name in ("cramfs", "dccp", "usb-storage")
    ),
    "lib/modules/6.1/modules.dep": "kernel/fs/cramfs/cramfs.ko.xz:\nkernel/net/dccp/dccp.ko: a.ko\n",
    "boot/grub/grub.cfg": "set superusers=admin\npassword_pbkdf2 admin grub.pbkdf2.sha512.10000.AB\n",
    "etc/security/limits.d/core.conf": "* hard core 0\n",
    "usr/lib/systemd/system/auditd.service": UNIT,
    "usr/lib/systemd/system/telnet.socket": UNIT,
    "usr/lib/systemd/system/ssh.service": UNIT,
    "etc/systemd/system/multi-user.target.wants/auditd.service": UNIT,
    "etc/systemd/system/timers.target.wants/dailyaidecheck.timer": UNIT,
    "var/lib/dpkg/status": STATUS,
    "var/lib/apt/lists/x_dists_bookworm-security_InRelease": "",
    "var/lib/apt/lists/x_dists_bookworm-security_main_binary-amd64_Packages": LIST,
    "etc/apt/apt.conf.d/20auto-upgrades": 'APT::Periodic::Unattended-Upgrade "1";\n',
    "usr/bin/unattended-upgrade": "",
    "etc/apt/sources.list": "deb https://mirror.example.org/debian bookworm main\n",
    "etc/fstab": "/dev/sda1 / ext4 rw 0 1\ntmpfs /tmp tmpfs nodev,nosuid,noexec 0 0\n",
    "etc/crontab": "SHELL=/bin/sh\n17 * * * * root /usr/local/bin/job --now\n@daily li /home/li/own\n",
    "etc/cron.d/daily": "0 3 * * * root /usr/local/bin/job\n",
    "usr/local/bin/job": "#!/bin/sh\n",
    "usr/sbin/cron": "",
    "etc/cron.allow": "root\n",
    "usr/sbin/auditd": "",
    "etc/audit/auditd.conf": "max_log_file = 50\nnum_logs = 10\nmax_log_file_action = ROTATE\n"
    "space_left_action = email\nadmin_space_left_action = single\n",
    "etc/audit/rules.d/10-guardian.rules": AUDIT,
    "etc/audit/rules.d/99-finalize.rules": "-e 2\n",
    "usr/lib/systemd/systemd-journald": "",
    "etc/systemd/journald.conf": "[Journal]\nStorage=persistent\nMaxRetentionSec=7month\n",
    "usr/sbin/rsyslogd": "",
    "etc/rsyslog.conf": "$FileCreateMode 0640\nauth,authpriv.* /var/log/auth.log\n"
    "$ActionSendStreamDriverMode 1\n*.* @@loghost.example.org:6514\n",
    "usr/sbin/logrotate": "",
    "etc/logrotate.conf": "weekly\nrotate 4\n",
    "etc/logrotate.d/rsyslog": "/var/log/syslog\n/var/log/auth.log {\n rotate 27\n weekly\n postrotate\n"
    "  /bin/x {\n endscript\n}\n",
    "usr/sbin/chronyd": "",
    "etc/chrony/chrony.conf": "pool ntp.example.org iburst\n",
    "etc/localtime": "",
    "etc/ufw/ufw.conf": "ENABLED=yes\n",
    "etc/default/ufw": 'DEFAULT_INPUT_POLICY="DROP"\n',
    "usr/bin/dockerd": "",
    "etc/docker/daemon.json": '{"icc": false, "no-new-privileges": true, "live-restore": true,'
    ' "userns-remap": "default", "log-opts": {"max-size": "10m"}}\n',
    "usr/sbin/clamd": "",
    "var/lib/clamav/daily.cvd": "",
    "usr/bin/aide": "",
    "var/lib/aide/aide.db": "",
    "home/li/.profile": "",
    "root/.ssh/authorized_keys": "",
    "tmp/.keep": "", "var/tmp/.keep": "", "var/log/audit/audit.log": "",
}  # fmt: skip
MODES = {
    "etc/shadow": 0o640, "etc/gshadow": 0o640, "etc/sudoers": 0o440, "etc/ssh/ssh_host_ed25519_key": 0o600,
    "etc/cron.allow": 0o640,
    "boot/grub/grub.cfg": 0o600, "etc/audit/auditd.conf": 0o640, "root": 0o700, "root/.ssh": 0o700,
    "root/.ssh/authorized_keys": 0o600,
    "home/li": 0o750, "tmp": 0o1777, "var/tmp": 0o1777, "var/log/audit": 0o750,
}  # fmt: skip

OPENEULER: dict[str, str] = {
    "etc/os-release": 'NAME="openEuler"\nID="openEuler"\nVERSION_ID="22.03"\nPRETTY_NAME="openEuler 22.03 (LTS-SP4)"\n',
    "var/lib/rpm/rpmdb.sqlite": "",
    "etc/pam.d/system-auth": "auth required pam_faillock.so preauth audit deny=3 even_deny_root unlock_time=60\n"
    "auth sufficient pam_unix.so nullok try_first_pass\n"
    "auth [default=die] pam_faillock.so authfail deny=3 unlock_time=60\n"
    "password requisite pam_pwquality.so minlen=8 minclass=3 enforce_for_root try_first_pass local_users_only retry=3\n"
    "password required pam_pwhistory.so use_authtok remember=5 enforce_for_root\n"
    "password sufficient pam_unix.so sha512 shadow nullok try_first_pass use_authtok\n",
    "etc/pam.d/sshd": "auth substack system-auth\nauth include postlogin\npassword include system-auth\n",
    "etc/pam.d/postlogin": "session optional pam_umask.so silent\n",
    "etc/pam.d/su": "auth sufficient pam_rootok.so\n#auth required pam_wheel.so use_uid\n",
    "etc/selinux/config": "# comment\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
    "etc/yum.repos.d/openEuler.repo": "[OS]\nname=OS\nbaseurl=http://repo.example/OS\ngpgcheck=1\n"
    "[extra]\nenabled=1\ngpgcheck=0\n",
    "var/cache/dnf/OS-1/repodata/repomd.xml": "",
    "etc/sysconfig/sshd": "OPTIONS='-oCiphers=aes256-ctr'\n",
}  # fmt: skip


def plant(folder: Path, files: dict[str, str]) -> Path:
    """Write ``files`` below ``folder``, with the modes and, for root, the owners of a well kept host."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in folder.rglob("*"):
        path.chmod(MODES.get(str(path.relative_to(folder)), 0o755 if path.is_dir() else 0o644))
    return folder


@dataclass
class Denying:
    """A root on which the ``at``-th question (1 is the first; 0 none) is refused."""

    inner: Root
    at: int = 0
    asked: int = 0

    @property
    def live(self) -> bool:
        return self.inner.live

    def _ask(self, path: str) -> None:
        self.asked += 1
        if self.asked == self.at:
            raise PermissionError(13, "Permission denied", path)

    def stat(self, path: str, *, follow: bool = True) -> Entry:
        self._ask(path)
        return self.inner.stat(path, follow=follow)

    def list(self, path: str) -> list[str]:
        self._ask(path)
        return self.inner.list(path)

    def read(self, path: str, limit: int) -> bytes:
        self._ask(path)
        return self.inner.read(path, limit)

    def walk(self, notes: Notes) -> Iterator[Batch]:
        yield from self.inner.walk(notes)
