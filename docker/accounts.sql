-- The account that the test suite uses as Aegir's admin account.
CREATE USER 'aegir_root'@'%' IDENTIFIED BY 'container-of-tests';
GRANT ALL PRIVILEGES ON *.* TO 'aegir_root'@'%' WITH GRANT OPTION;
