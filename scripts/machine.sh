# shellcheck shell=bash
# What the machine must have: each need has a check, a name, and Debian's package for it.

JAVA_NEEDED=17
MEMORY_NEEDED_MB=1500

# ---- the checks: silent, true when the need is met --------------------------------------------------
have_compiler() { has cc || has gcc || has clang; }
have_cxx() { has c++ || has g++ || has clang++; }
have_make() { has make; }
have_pkg_config() { has pkg-config || has pkgconf; }
have_openssl() { have_pkg_config && pkg-config --exists openssl 2>/dev/null; }
have_curl() { has curl; }
have_maven() { has mvn || kafka_fetched; }
java_version() { "$(java_command)" -version 2>&1 | sed -n 's/.* version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' | head -n 1; }
have_java() {
  local version
  version=$(java_version) && [[ -n $version ]] && ((version >= JAVA_NEEDED))
}
rust_needed() { sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$ROOT/Cargo.toml"; }
# In this folder rustup answers with the toolchain that rust-toolchain.toml names (and installs it).
rust_version() { cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9.]*\).*/\1/p'; }
have_rust() {
  local version
  # rustup was installed after this shell was started.
  if ! has cargo && [[ -x $HOME/.cargo/bin/cargo ]]; then PATH=$HOME/.cargo/bin:$PATH; fi
  version=$(rust_version) && [[ -n $version ]] &&
    [[ $(printf '%s\n%s\n' "$(rust_needed)" "$version" | sort -V | head -n 1) == "$(rust_needed)" ]]
}

# The dashboard is tested in a real browser, and by axe-core, which npm fetches.
have_chromium() {
  local name
  [[ -z ${CHROMIUM-} ]] || return 0
  for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
    ! has "$name" || return 0
  done
  return 1
}
have_chromedriver() { [[ -n ${CHROMEDRIVER-} ]] || has chromedriver; }
have_npm() { has npm; }
# The APIs are tested with schemathesis, which pip installs into a virtual environment.
have_python() { has python3 && python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

TO_BUILD=(rust compiler cxx make pkg_config openssl)
TO_RUN=(java maven curl)
TO_TEST=(chromium chromedriver npm python)

name_of() { # NEED
  case $1 in
    rust) echo "Rust $(rust_needed) or newer (cargo)" ;;
    compiler) echo "a C compiler" ;;
    cxx) echo "a C++ compiler (for librdkafka)" ;;
    make) echo "make" ;;
    pkg_config) echo "pkg-config" ;;
    openssl) echo "the headers of OpenSSL" ;;
    java) echo "Java $JAVA_NEEDED or newer" ;;
    maven) echo "Maven" ;;
    curl) echo "curl" ;;
    chromium) echo "Chromium, for the dashboard's tests (or another program of it, named in CHROMIUM)" ;;
    chromedriver) echo "ChromeDriver, for the dashboard's tests (or another program of it, named in CHROMEDRIVER)" ;;
    npm) echo "npm, for the tests of the dashboard, of the message contract and of the OpenAPI documents" ;;
    python) echo "Python 3.10 or newer with its venv module, for the tests of the APIs" ;;
  esac
}

found_instead() { # NEED: prints what is installed but does not suffice
  local version
  case $1 in
    java) if has "$(java_command)"; then
      version=$(java_version)
      echo ", but $(command -v "$(java_command)") is Java ${version:-of an unknown version}"
    fi ;;
    rust) if has cargo; then
      version=$(rust_version)
      if [[ -n $version ]]; then echo ", but $(command -v cargo) is version $version"
      else echo ", but cargo does not start: $(cargo --version 2>&1 | head -n 1)"; fi
    fi ;;
  esac
}

debian() { has apt-get && has dpkg; }
apt_has() { [[ -n $(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *\([^(].*\)/\1/p') ]]; }
debian_package() { # NEED: prints the package, nothing when Debian has none
  local version name
  case $1 in
    rust) ! apt_has rustup || echo rustup ;;
    compiler) echo "gcc libc6-dev" ;;
    cxx) echo g++ ;;
    make) echo make ;;
    pkg_config) echo pkg-config ;;
    openssl) echo libssl-dev ;;
    java)
      # JAVA_HOME takes precedence over installed packages.
      [[ -z ${JAVA_HOME-} ]] || return 0
      for version in 17 21 25; do
        ! apt_has "openjdk-$version-jre-headless" || { echo "openjdk-$version-jre-headless"; return; }
      done
      echo default-jre-headless
      ;;
    maven) echo maven ;;
    curl) echo "curl ca-certificates" ;;
    # The tests need no user interface. Ubuntu's packages are snaps of other names, which containers do not start.
    chromium)
      for name in chromium-headless-shell chromium; do
        ! apt_has "$name" || { echo "$name fonts-dejavu-core"; return; }
      done
      ;;
    chromedriver) ! apt_has chromium-driver || echo chromium-driver ;;
    npm) echo npm ;;
    python) echo "python3 python3-venv" ;;
  esac
}

what_to_do() { # NEED: prints one sentence
  local package sudo=''
  if [[ $1 == rust ]]; then
    if has rustup; then echo "run: rustup toolchain install $(rust_needed)"; else echo "install it with rustup, https://rustup.rs"; fi
    return
  fi
  if [[ $1 == java && -n ${JAVA_HOME-} && -x $JAVA_HOME/bin/java ]]; then
    echo "JAVA_HOME names another Java: point it to one of version $JAVA_NEEDED or newer"
    return
  fi
  if debian; then
    package=$(debian_package "$1")
    [[ $EUID -eq 0 ]] || sudo='sudo '
    echo "run: ${sudo}apt-get update && ${sudo}apt-get install -y ${package:-a package with it}"
  elif has dnf; then
    case $1 in
      rust | make | curl | maven | chromium | chromedriver | npm) package=$1 ;;
      python) package=python3 ;;
      compiler) package=gcc ;;
      cxx) package=gcc-c++ ;;
      pkg_config) package=pkgconf-pkg-config ;;
      openssl) package=openssl-devel ;;
      java) package=java-21-openjdk-headless ;;
    esac
    echo "run: sudo dnf install -y $package"
  elif has brew; then
    case $1 in
      compiler | cxx | make) echo "run: xcode-select --install"; return ;;
      pkg_config) package=pkgconf ;;
      openssl) package=openssl@3 ;;
      npm) package=node ;;
      java) package=openjdk@21 ;;
      *) package=$1 ;;
    esac
    echo "run: brew install $package"
  else
    echo "install it with your system's package manager"
  fi
}

# ---- making sure -------------------------------------------------------------------------------------
apt_install() { # PACKAGE...
  local log=$DATA/apt.log
  warn "Installing $* …"
  # Java's package links a manual page into a folder that is missing where manual pages are excluded.
  mkdir -p "$DATA" /usr/share/man/man1
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >"$log" 2>&1 </dev/null || {
    tail -n 3 "$log" >&2
    warn "apt-get could not install $*; details are in $log."
  }
}

# need NEED...: installs what is missing where that is possible, else lists what is missing and ends.
need() {
  local one packages=() missing=()
  for one; do "have_$one" || missing+=("$one"); done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  if debian && [[ $EUID -eq 0 ]]; then
    # An index that is missing or old is the usual cause of a failure.
    apt-get update -qq >/dev/null 2>&1 </dev/null || true
    # Word splitting is wanted: a need may take two packages.
    # shellcheck disable=SC2207
    for one in "${missing[@]}"; do packages+=($(debian_package "$one")); done
    [[ ${#packages[@]} -eq 0 ]] || apt_install "${packages[@]}"
    if ! have_java && [[ " ${missing[*]} " == *" java "* && -z ${JAVA_HOME-} ]]; then use_installed_java; fi
    hash -r
  fi
  packages=()
  for one in "${missing[@]}"; do
    "have_$one" || packages+=("Missing: $(name_of "$one")$(found_instead "$one"); $(what_to_do "$one").")
  done
  [[ ${#packages[@]} -eq 0 ]] || die "$(printf '%s\n' "${packages[@]}")"
}

# An older Java may remain the machine's default: use the one that fits.
use_installed_java() {
  local home
  for home in /usr/lib/jvm/*; do
    if [[ -x $home/bin/java ]] && JAVA_HOME=$home have_java; then
      export JAVA_HOME=$home
      return
    fi
  done
}

require_kafka() {
  need "${TO_RUN[@]}"
  fetch_kafka
}
require_all() { # NEED...: these too
  need "${TO_BUILD[@]}" "${TO_RUN[@]}" "$@"
  enough_disk || die "$(disk_sentence)"
}

free_disk_mb() { df -Pm "$ROOT" | awk 'NR == 2 { print $4 }'; }
disk_needed_mb() { if [[ -x $TARGET/release/order-service ]]; then echo 1000; else echo 4000; fi; }
disk_sentence() {
  echo "Not enough disk: $(free_disk_mb) MB are free in $ROOT, and $(disk_needed_mb) MB are needed; make room, or move the folder."
}
enough_disk() { (($(free_disk_mb) >= $(disk_needed_mb))); }

free_memory_mb() {
  if [[ -r /proc/meminfo ]]; then awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo; else echo 99999; fi
}

# ---- doctor ------------------------------------------------------------------------------------------
ports_and_owners() { # prints "PORT NAME PIDFILE"
  local service
  for service in "${SERVICES[@]}"; do echo "$(service_port "$service") $service $DATA/run/$service.pid"; done
  echo "$KAFKA_PORT Kafka $DATA/kafka/pid"
  echo "$KAFKA_CONTROLLER_PORT Kafka's controller $DATA/kafka/pid"
}

doctor() {
  local one wrong=0
  bad() { printf '%s\n' "${RED}wrong${PLAIN}  $*"; wrong=$((wrong + 1)); }
  for one in "${TO_BUILD[@]}" "${TO_RUN[@]}" "${TO_TEST[@]}"; do
    if "have_$one"; then good "$(name_of "$one")"; else bad "$(name_of "$one"): missing$(found_instead "$one"); $(what_to_do "$one")"; fi
  done
  if kafka_fetched; then good "Kafka's jars"; else good "Kafka's jars are not there yet: ./dev up fetches them"; fi
  if enough_disk; then good "disk: $(free_disk_mb) MB free"; else bad "$(disk_sentence)"; fi
  if (($(free_memory_mb) >= MEMORY_NEEDED_MB)); then good "memory: $(free_memory_mb) MB available"
  else bad "Little memory: $(free_memory_mb) MB are available, and Kafka and four services need $MEMORY_NEEDED_MB MB; close other programs."; fi
  doctor_ports
  if ((wrong == 0)); then say "Nothing is wrong."; else say "$wrong problems."; return 1; fi
}

doctor_ports() {
  local line port what pidfile pid
  while IFS= read -r line; do
    port=${line%% *} pidfile=${line##* }
    what=${line#* } what=${what% *}
    if pid=$(running_pid "$pidfile"); then
      if port_in_use "$port"; then good "port $port: our own $what (pid $pid)"
      else bad "$what runs (pid $pid) but does not listen on port $port: ./dev logs, or ./dev down and ./dev up"; fi
    elif port_in_use "$port"; then bad "$(port_sentence "$port" "$what")"
    else good "port $port is free for $what"; fi
  done < <(ports_and_owners)
}
